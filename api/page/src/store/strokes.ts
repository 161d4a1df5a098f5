// Keys typed one after another, where some classes have a key of two strokes.

import { signal } from "@preact/signals";

export class Strokes {
  /** The first stroke of a key that has two. */
  readonly begun = signal("");

  /** What a key does: the name of a class, "begun" or "dropped" where it is a part of a key of two strokes, else null. */
  press(key: string, classByKey: ReadonlyMap<string, string>): { name: string } | "begun" | "dropped" | null {
    const before = this.begun.peek();
    const name = classByKey.get(before + key);
    this.begun.value = "";
    if (before && name) return { name };
    if (before && key === "Escape") return "dropped";
    if ([...classByKey.keys()].some((one) => one.length === 2 && one.startsWith(key))) {
      this.begun.value = key;
      return "begun";
    }
    return null;
  }
}
