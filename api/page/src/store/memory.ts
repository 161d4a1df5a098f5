// What this browser remembers. Another tab that changes it is heard.

import { type Signal, signal } from "@preact/signals";

const changed = signal(0);
addEventListener("storage", () => changed.value++);

export function read<T>(place: string, otherwise: T): T {
  try {
    return (JSON.parse(localStorage.getItem(place) ?? "null") as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function write(place: string, value: unknown): void {
  localStorage.setItem(place, JSON.stringify(value));
}

/** One thing that is remembered at a place that may itself change, as with the project. */
export class Memory<T> {
  private readonly place: () => string;
  private readonly otherwise: T;
  private readonly version: Signal<number> = signal(0);
  private newest: { place: string; text: string | null; value: T } | null = null;

  constructor(place: () => string, otherwise: T) {
    this.place = place;
    this.otherwise = otherwise;
  }

  /** Without being told when it changes. */
  peek(): T {
    const place = this.place();
    const text = localStorage.getItem(place);
    if (this.newest?.place !== place || this.newest.text !== text) {
      this.newest = { place, text, value: read(place, this.otherwise) };
    }
    return this.newest.value;
  }

  get value(): T {
    changed.value + this.version.value; // whoever reads it reads it anew when it changes
    return this.peek();
  }

  set value(value: T) {
    write(this.place(), value);
    this.version.value++;
  }
}
