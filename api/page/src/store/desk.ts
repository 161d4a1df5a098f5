// Suspicious labels one after another: kept, changed, undone.

import { computed, signal } from "@preact/signals";
import type { Results } from "../service/types";
import { words } from "../words";
import type { Answer } from "./answer";
import { attempt, say, tell } from "./notices";
import { keptLabels } from "./project";
import { bringBack, decideFor, type Overruled } from "./settling";
import { type Suspect, suspectsOf } from "./suspects";
import { oneAfterAnother } from "./turns";

interface Step {
  item: Suspect;
  did: string;
  wasKept: boolean;
  /** What undoes it on the disk; null once it is not written. */
  written?: Promise<Overruled | null>;
}

export class Desk {
  readonly items: readonly Suspect[];
  readonly at = signal(0);
  /** What was done, by the id of the suspect. */
  readonly done = signal<ReadonlyMap<string, string>>(new Map());
  readonly current = computed(() => this.items[this.at.value]);
  private steps: Step[] = [];
  /** An image may stand here several times: what is written about it depends on what was written before. */
  private readonly inTurn = oneAfterAnother();

  constructor(result: Results["label_check"]) {
    const kept = new Set(keptLabels.peek());
    this.items = suspectsOf(result).filter((one) => !kept.has(one.id));
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
    keptLabels.value = [...keptLabels.value, item.id];
    this.finish(item, words.check.kept, true);
  }

  /** To what is suggested, or to another class. The next one is there at once: a quick hand must not answer the same
   * label twice. */
  async change(className?: string): Promise<void> {
    const item = this.current.value;
    if (!item) return;
    const isAgain = this.done.value.has(item.id);
    const step = this.finish(item, words.check.changed(className ?? item.suggested), false);
    const changed = (now: Answer) => (className === undefined ? item.change(now) : [className]);
    const write = () => decideFor([item.name], changed, (now) => isAgain || item.isGiven(now));
    step.written = this.inTurn(async () => (await attempt(write)) ?? null);
    if (await step.written) return;
    this.steps = this.steps.filter((one) => one !== step);
    this.mark(item, null);
  }

  undo(): void {
    const step = this.steps.pop();
    if (!step) return tell(words.check.nothingToUndo);
    this.mark(step.item, null);
    if (step.wasKept) keptLabels.value = keptLabels.value.filter((one) => one !== step.item.id);
    else void this.inTurn(() => attempt(() => this.bringBack(step)));
    this.look(this.items.indexOf(step.item), words.check.undoneSay);
  }

  private async bringBack({ item, did, written }: Step): Promise<void> {
    const over = await written;
    if (over && !(await bringBack(over))) this.mark(item, did);
  }

  private finish(item: Suspect, did: string, wasKept: boolean): Step {
    this.mark(item, did);
    const step: Step = { item, did, wasKept };
    this.steps.push(step);
    const next = this.items.findIndex((one, index) => index > this.at.value && !this.done.value.has(one.id));
    this.look(next < 0 ? this.at.value : next, words.check.didSay(item.given, did));
    return step;
  }

  private mark({ id }: Suspect, did: string | null): void {
    const done = new Map(this.done.value);
    if (did) done.set(id, did);
    else done.delete(id);
    this.done.value = done;
  }
}
