import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { type Choice, Choices } from "./Choices";

/** What one answer settles. */
export function Row({ choices, children }: { choices: readonly Choice[]; children: ComponentChildren }) {
  const done = useSignal(false);
  return (
    <li class={done.value ? "done" : ""}>
      {children}
      <Choices choices={choices} done={done} />
    </li>
  );
}
