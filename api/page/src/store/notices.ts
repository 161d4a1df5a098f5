// What is said to people: for a while on the screen, to a screen reader, or in a dialog that waits for an answer.

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { isAbort, Problem } from "../service/service";
import type { FaultView } from "../service/types";
import { words } from "../words";
import { inWords } from "../words/faults";

/** To a screen reader. */
export function say(text: string): void {
  const live = document.getElementById("live");
  if (live) live.textContent = live.textContent === text ? `${text}\u00a0` : text; // the same words are read again
}

// --- toasts ---------------------------------------------------------------------------------------------------------

export interface Toast {
  id: number;
  text: string;
  kind: "info" | "bad";
  count: number;
}
export const toasts = signal<Toast[]>([]);
let nextToast = 0;

/** On the screen for a while, and to a screen reader. The same words again are counted, not repeated. */
export function tell(text: string, kind: Toast["kind"] = "info"): void {
  const known = toasts.value.find((one) => one.text === text);
  const toast = { id: nextToast++, text, kind, count: (known?.count ?? 0) + 1 };
  toasts.value = [...toasts.value.filter((one) => one !== known), toast];
  setTimeout(
    () => {
      toasts.value = toasts.value.filter((one) => one.id !== toast.id);
    },
    kind === "bad" ? 9000 : 4000,
  );
  say(text);
}

// --- dialogs --------------------------------------------------------------------------------------------------------

export interface Opened {
  id: number;
  title: string;
  wide: boolean;
  body: VNode;
  close: (value?: unknown) => void;
  /** Called once it is off the screen: only then what lies behind it can be focused. */
  gone: () => void;
}
export const dialogs = signal<Opened[]>([]);
let nextDialog = 0;

/** Resolves with what `close(value)` is called with; null when it is dismissed. */
export function open<T>(title: string, body: (close: (value: T) => void) => VNode, wide = false): Promise<T | null> {
  return new Promise((resolve) => {
    const id = nextDialog++;
    let answer: T | null = null;
    const close = (value?: unknown) => {
      answer = (value as T | undefined) ?? null;
      dialogs.value = dialogs.value.filter((one) => one.id !== id);
    };
    dialogs.value = [...dialogs.value, { id, title, wide, body: body(close), close, gone: () => resolve(answer) }];
  });
}

// --- what goes wrong ------------------------------------------------------------------------------------------------

/** Carries out what a hand started. Leaving the view ends it in silence; what the service refuses is told. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (isAbort(error)) return null;
    if (!(error instanceof Problem)) throw error;
    tell(error.faults.length ? saidOf(error.faults).join("\n") : error.message, "bad");
    return null;
  }
}

const WITHOUT_SUBJECT =
  /^[A-Z]\w* (should|must|error|required)\b|^there is no such field|^it \w|\bleave (it|them) out\b/;

/** Each fault in words. The wire's name of a field goes before, but where a single fault says itself what it is about. */
export function saidOf(faults: readonly FaultView[]): string[] {
  return faults.map((one) => {
    const field = one.pointer.replace(/^[/?]/, "");
    const isPlain = !field || (faults.length === 1 && !WITHOUT_SUBJECT.test(one.detail));
    return isPlain ? inWords(one) : words.setup.fault(field, inWords(one));
  });
}

/** What nobody foresaw is at least not silent. */
export function tellUnforeseen(): void {
  const told = (error: unknown) => {
    if (!isAbort(error)) tell(words.app.unforeseen(error instanceof Error ? error.message : String(error)), "bad");
  };
  addEventListener("unhandledrejection", (event) => {
    if (isAbort(event.reason)) event.preventDefault();
    told(event.reason);
  });
  addEventListener("error", (event) => event.error && told(event.error));
}
