import type { ComponentChildren } from "preact";
import { words } from "../words";

export const MOST_ROWS = 100;

/** A list under a heading; nothing where it is empty. */
export function Block({
  heading,
  hint,
  count,
  children,
}: {
  heading: string;
  hint: string;
  count: number;
  children: ComponentChildren;
}) {
  if (!count) return null;
  return (
    <section class="card">
      <h2>{words.check.heading2(heading, count)}</h2>
      <p class="hint">{hint}</p>
      <ul class="rows">{children}</ul>
    </section>
  );
}
