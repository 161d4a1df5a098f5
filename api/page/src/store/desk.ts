// Suspicious labels one after another: kept, changed, undone.

import { computed, signal } from "@preact/signals";
import type { Results, SuspiciousLabel } from "../service/types";
import { words } from "../words";
import { say, tell } from "./notices";
import { give } from "./outbox";
import { keptLabels } from "./project";

interface Step {
  item: SuspiciousLabel;
  /** The class that it had; null where it was kept. */
  before: string | null;
}

const line = (item: SuspiciousLabel) => `${item.name}\t${item.given}`;

export class Desk {
  readonly items: readonly SuspiciousLabel[];
  readonly at = signal(0);
  /** What was done, by name. */
  readonly done = signal<ReadonlyMap<string, string>>(new Map());
  readonly current = computed(() => this.items[this.at.value]);
  private steps: Step[] = [];

  constructor(result: Results["label_check"]) {
    const kept = new Set(keptLabels.peek());
    this.items = result.items.filter((one) => !kept.has(line(one)));
  }

  look(index: number, before = ""): void {
    this.at.value = Math.max(0, Math.min(this.items.length - 1, index));
    const item = this.current.value;
    if (!item) return;
    const { given, suggested, reason } = item;
    say(words.check.said(before, this.at.value + 1, this.items.length, given, suggested, reason));
  }

  keep(): void {
    const item = this.current.value;
    if (!item) return;
    keptLabels.value = [...keptLabels.value, line(item)];
    this.finish(item, words.check.kept, null);
  }

  /** The next one is there at once: a quick hand must not answer the same label twice. */
  async change(className: string): Promise<void> {
    const item = this.current.value;
    if (!item) return;
    const step = this.finish(item, words.check.changed(className), item.given);
    if ((await replace([item.name], className)) === "written") return;
    this.steps = this.steps.filter((one) => one !== step);
    this.mark(item, null);
  }

  undo(): void {
    const step = this.steps.pop();
    if (!step) return tell(words.check.nothingToUndo);
    this.mark(step.item, null);
    if (step.before === null) keptLabels.value = keptLabels.value.filter((one) => one !== line(step.item));
    else void replace([step.item.name], step.before);
    this.look(this.items.indexOf(step.item), words.check.undoneSay);
  }

  private finish(item: SuspiciousLabel, did: string, before: string | null): Step {
    this.mark(item, did);
    const step = { item, before };
    this.steps.push(step);
    const next = this.items.findIndex((one, index) => index > this.at.value && !this.done.value.has(one.name));
    this.look(next < 0 ? this.at.value : next, words.check.didSay(item.given, did));
    return step;
  }

  private mark({ name }: SuspiciousLabel, did: string | null): void {
    const done = new Map(this.done.value);
    if (did) done.set(name, did);
    else done.delete(name);
    this.done.value = done;
  }
}

/** The person who looked decides: no question asked. */
export const replace = (names: readonly string[], className: string) =>
  give(
    names.map((name) => ({ name, class: className })),
    true,
  );
