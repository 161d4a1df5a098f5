// Small things that several views show.

import type { ComponentChildren } from "preact";
import { hueOf } from "../store/labels";

export const Kbd = ({ children }: { children: string }) => <kbd aria-hidden="true">{children}</kbd>;

/** A share as a bar. */
export function Meter({ share, label }: { share: number; label: string }) {
  return (
    <span class="meter" role="img" aria-label={label}>
      <span style={{ width: `${Math.round(share * 1000) / 10}%` }} />
    </span>
  );
}

/** For the style sheet: the colour of a class. */
export const classColour = (name: string | null, otherwise?: number) =>
  name === null ? {} : { "--hue": `${hueOf(name, otherwise)}` };

export function Heading({ children, action }: { children: string; action?: ComponentChildren }) {
  return (
    <div class="row">
      <h1 class="grow">{children}</h1>
      {action}
    </div>
  );
}
