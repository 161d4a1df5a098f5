// What a key means: on a layout without Latin letters, what stands there on one with them.

import { useLayoutEffect, useRef } from "preact/hooks";

const PLACES: Record<string, string> = {
  Slash: "/",
  Minus: "-",
  Equal: "=",
  NumpadAdd: "+",
  NumpadSubtract: "-",
  Period: ".",
  Comma: ",",
  Semicolon: ";",
};

/** A name as `event.key` has them; letters small, and Latin ones on whatever layout. `known` says what needs no translation,
 * as a class that is one Cyrillic letter. */
export function keyOf(event: KeyboardEvent, known: (key: string) => boolean = () => false): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key.length !== 1 || /[\x20-\x7e]/.test(key) || known(key)) return key;
  const [, letter, digit] = /^(?:Key([A-Z])|Digit(\d))$/.exec(event.code) ?? [];
  return letter?.toLowerCase() ?? digit ?? PLACES[event.code] ?? key;
}

/** Whether the key belongs to a field, to a dialog, or to the browser. */
export function isTyping(event: KeyboardEvent): boolean {
  return (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.isComposing ||
    document.querySelector("dialog[open]") !== null ||
    (event.target instanceof Element && event.target.matches("input, textarea, select, [contenteditable]"))
  );
}

/** Whether Enter or Space presses what has the focus. */
export function pressesSomething(event: KeyboardEvent): boolean {
  const isPress = event.key === "Enter" || event.key === " ";
  return isPress && event.target instanceof Element && event.target.closest("button, a, summary") !== null;
}

/** Keys from the moment on that the component is shown. `handle` returns whether the key was one of its own. */
export function useKeys(handle: (key: string, event: KeyboardEvent) => boolean, known?: (key: string) => boolean) {
  const newest = useRef({ handle, known });
  newest.current = { handle, known };
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isTyping(event)) return;
      const { handle, known } = newest.current;
      if (handle(keyOf(event, known), event)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
