import type { ComponentChildren } from "preact";

export function Heading({ children, action }: { children: string; action?: ComponentChildren }) {
  return (
    <div class="row">
      <h1 class="grow">{children}</h1>
      {action}
    </div>
  );
}
