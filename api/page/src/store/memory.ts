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

  constructor(place: () => string, otherwise: T) {
    this.place = place;
    this.otherwise = otherwise;
  }

  /** Without being told when it changes. */
  peek(): T {
    return read(this.place(), this.otherwise);
  }

  get value(): T {
    changed.value + this.version.value; // whoever reads it reads it anew when it changes
    return read(this.place(), this.otherwise);
  }

  set value(value: T) {
    write(this.place(), value);
    this.version.value++;
  }
}
