import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Suspected<T> {
  items: readonly T[];
  at: { value: number };
  done: { value: ReadonlyMap<string, string> };
  look: (index: number) => void;
}

interface Listed<T> {
  label: string;
  desk: Suspected<T>;
  /** How many are listed after the one that is looked at. */
  shown: number;
  idOf: (item: T) => string;
  draw: (item: T) => ComponentChildren;
}

/** What looks wrong, the worst first. The row that has the focus is the one that is looked at, and keys are about. */
export function Suspects<T>({ label, desk, shown, idOf, draw }: Listed<T>) {
  const list = useRef<HTMLOListElement>(null);
  const at = desk.at.value;
  useLayoutEffect(() => {
    const inList = list.current?.contains(document.activeElement);
    if (inList) list.current?.querySelector<HTMLElement>("[aria-current]")?.focus();
  }, [at]);
  const look = (index: number) => index !== desk.at.value && desk.look(index);
  return (
    <ol ref={list} class="suspects" aria-label={label}>
      {desk.items.slice(0, shown + at).map((item, index) => (
        <li key={idOf(item)}>
          <button
            type="button"
            class={desk.done.value.has(idOf(item)) ? "suspect done" : "suspect"}
            aria-current={index === at ? "true" : undefined}
            onFocus={() => look(index)}
            onClick={() => look(index)}
          >
            {draw(item)}
          </button>
        </li>
      ))}
    </ol>
  );
}
