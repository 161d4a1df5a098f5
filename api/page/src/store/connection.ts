// Whether the service, its store and its workers are there. One banner says so, and all that waits goes on by itself.

import { computed, signal } from "@preact/signals";
import { amiss, Problem, pause } from "../service/service";

const FIRST_S = 1;
const OFTEN_S = 2;
const SELDOM_S = 15;

/** What is wrong, in the service's own words; `away`: it does not answer at all. */
export const faults = signal<string[]>([]);
export const away = signal(false);
export const isWell = computed(() => !away.value && !faults.value.length);
/** Counts how often the service came back: what depends on it is asked for anew. */
export const comebacks = signal(0);

let again: () => void = () => {};
let looking: Promise<void> | null = null;

/** Looks at once; several that ask at the same time share one look. */
export function look(): Promise<void> {
  looking ??= lookOnce().finally(() => {
    looking = null;
  });
  return looking;
}

async function lookOnce(): Promise<void> {
  const wasWell = isWell.peek();
  const found = await amiss();
  away.value = found === null;
  faults.value = found ?? [];
  if (!wasWell && isWell.peek()) comebacks.value++;
}

/** A call found nobody: look now, and often until the service is back. */
export function doubt(): void {
  again();
}

/** Watches until the page is left. What the first view asks for comes before the first look. */
export async function watch(): Promise<never> {
  for (let next = FIRST_S; ; next = isWell.peek() ? SELDOM_S : OFTEN_S) {
    const soon = new Promise<void>((resolve) => {
      again = resolve;
    });
    await Promise.race([pause(next), soon]);
    again = () => {};
    if (!document.hidden) await look();
  }
}

const AWAY = ["unreachable", "store_unavailable"];

/** Does the work, and again as long as the service or its store is away. Raises all else. */
export async function untilDone<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || !AWAY.includes(error.code)) throw error;
      doubt();
      await pause(Math.min(OFTEN_S, failures * 0.5));
      signal?.throwIfAborted();
    }
  }
}
