import type { ComponentChildren } from "preact";

interface Given {
  id: string;
  label: string;
  hint: string;
  fault?: string | undefined;
  children: ComponentChildren;
}

/** A labelled field; what is wrong with it stands below it. */
export function Field({ id, label, hint, fault, children }: Given) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      <span class={fault ? "fault" : "hint"} id={`${id}-hint`}>
        {fault ?? hint}
      </span>
    </div>
  );
}
