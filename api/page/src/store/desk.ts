// Suspicious labels one after another: kept, changed, undone.

import { computed, signal } from "@preact/signals";
import type { Results } from "../service/types";
import { words } from "../words";
import { type Answer, linesOf } from "./answer";
import { untilDone } from "./connection";
import { load } from "./labels";
import { attempt, say, tell } from "./notices";
import { give, type Outcome } from "./outbox";
import { keptLabels } from "./project";
import { type Suspect, suspectsOf } from "./suspects";
import { oneAfterAnother } from "./turns";

interface Step {
  item: Suspect;
  wasKept: boolean;
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
    const step = this.finish(item, words.check.changed(className ?? item.suggested), false);
    const changed = (now: Answer) => (className === undefined ? item.change(now) : [className]);
    const write = () => changeAll([item.name], changed);
    if ((await this.inTurn(() => attempt(write))) === "written") return;
    this.steps = this.steps.filter((one) => one !== step);
    this.mark(item, null);
  }

  undo(): void {
    const step = this.steps.pop();
    if (!step) return tell(words.check.nothingToUndo);
    this.mark(step.item, null);
    if (step.wasKept) keptLabels.value = keptLabels.value.filter((one) => one !== step.item.id);
    else void this.inTurn(() => attempt(() => changeAll([step.item.name], step.item.undo)));
    this.look(this.items.indexOf(step.item), words.check.undoneSay);
  }

  private finish(item: Suspect, did: string, wasKept: boolean): Step {
    this.mark(item, did);
    const step = { item, wasKept };
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

/** The person who looked decides: no question asked. */
export const replace = (names: readonly string[], answer: Answer): Promise<Outcome> =>
  give(
    names.flatMap((name) => linesOf(name, answer)),
    "replace",
  );

/** The same, going by what each of them has at the moment. */
export async function changeAll(names: readonly string[], change: (now: Answer) => Answer): Promise<Outcome> {
  const given = await untilDone(() => load(names));
  return give(
    names.flatMap((name) => linesOf(name, change(given.get(name)?.answer ?? []))),
    "replace",
  );
}
