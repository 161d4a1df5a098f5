// Boxes that look wrong, one after another: kept, changed, undone.

import { computed, signal } from "@preact/signals";
import type { Place } from "../boxes/geometry";
import type { BoxesCheck, ImageBoxes, SuspectBox } from "../service/types";
import { words } from "../words";
import { untilDone } from "./connection";
import { drawnOn, type GivenBox, giveBoxes, isOwn, settleBoxes, survey, whatCounts } from "./drawings";
import { attempt, say, tell } from "./notices";
import { keptLabels } from "./project";
import { oneAfterAnother } from "./turns";

/** What is written of an image: into the person's own file or, where others drew on it, as what is settled. */
interface Said {
  isSettled: boolean;
  /** Null: nothing is settled. */
  boxes: readonly GivenBox[] | null;
  /** Of the image that they were drawn on. */
  width?: number | undefined;
  height?: number | undefined;
}
interface Change {
  /** What was there, and the version of it. */
  before: Said;
  seen: string;
  /** The version that it has since. */
  written: string;
}
interface Step {
  item: SuspectBox;
  /** Null where it was kept. */
  change: Change | null;
}

const MOST_LISTED = 1000; // conflicts that a survey lists
const NEAR = 0.02; // pixels, by which a box may differ from the one that was judged

export class BoxDesk {
  readonly items: readonly SuspectBox[];
  /** Whether anything that was drawn is predicted rightly: else nothing speaks for or against a box. */
  readonly canTell: boolean;
  readonly at = signal(0);
  /** What was done, by the id of the suspect. */
  readonly done = signal<ReadonlyMap<string, string>>(new Map());
  readonly current = computed(() => this.items[this.at.value]);
  private steps: Step[] = [];
  /** An image may stand here several times: what is written about it depends on what was written before. */
  private readonly inTurn = oneAfterAnother();

  constructor(result: BoxesCheck) {
    const thresholds = Object.values(result.thresholds);
    this.canTell = !thresholds.length || thresholds.some(Boolean);
    const kept = new Set(keptLabels.peek());
    this.items = result.items.filter((one) => !kept.has(idOf(one)));
  }

  look(index: number): void {
    this.at.value = Math.max(0, Math.min(this.items.length - 1, index));
    const item = this.current.value;
    if (item)
      say(
        words.boxCheck.said(this.at.value + 1, this.items.length, item.name, words.results?.box(item) ?? item.reason),
      );
  }

  keep(): void {
    const item = this.current.value;
    if (!item) return;
    keptLabels.value = [...keptLabels.value, idOf(item)];
    this.steps.push({ item, change: null });
    this.mark(item, words.check.kept);
    this.next();
  }

  /** Does what is suggested about the box: it is added, taken out, moved, or has another class. */
  change(): void {
    const item = this.current.value;
    if (!item) return;
    this.mark(item, words.boxCheck.did[item.suspicion]);
    this.next();
    const step: Step = { item, change: null };
    this.steps.push(step); // at once: what is done while it is written comes after it
    void this.inTurn(async () => {
      step.change = await attempt(() => change(item));
      if (!step.change) {
        this.steps = this.steps.filter((one) => one !== step);
        this.mark(item, null);
      }
    });
  }

  undo(): void {
    const takeBack = async () => {
      const step = this.steps.pop();
      if (!step) return tell(words.check.nothingToUndo);
      const { item, change } = step;
      if (change) this.wasTakenBack(item.name, change, await write(item.name, change.before, change.written));
      else keptLabels.value = keptLabels.value.filter((one) => one !== idOf(item));
      this.mark(item, null);
      this.look(this.items.indexOf(item));
    };
    void this.inTurn(() => attempt(takeBack));
  }

  /** What was done before on the same image stands as it did then, under the version that it has now. */
  private wasTakenBack(name: string, { seen }: Change, version: string): void {
    for (const { item, change } of this.steps) {
      if (item.name === name && change?.written === seen) change.written = version;
    }
  }

  private next(): void {
    const next = this.items.findIndex((one, index) => index > this.at.value && !this.done.value.has(idOf(one)));
    this.look(next < 0 ? this.at.value : next);
  }

  private mark(item: SuspectBox, did: string | null): void {
    const done = new Map(this.done.value);
    if (did) done.set(idOf(item), did);
    else done.delete(idOf(item));
    this.done.value = done;
  }
}

/** The same for the same doubt about the same box. */
export const idOf = ({ name, suspicion, box, predicted_box }: SuspectBox) =>
  [name, suspicion, (box ?? predicted_box)?.map((one) => one.toFixed(1)).join(" ")].join("\t");

/** Does what is suggested about the box, on top of what counts of its image. Where anybody else drew on it, that is settled
 * so, and everybody's file stays as it is; unless they contradict each other. Resolves with what undoes it; null where
 * nothing was done. */
async function change(item: SuspectBox): Promise<Change | null> {
  const image = await look(item.name);
  const mine = image.drawings.find(isOwn);
  const isSettled = image.settled !== null || image.drawings.some((one) => !isOwn(one) && !one.unfinished);
  const now = whatCounts(image) ?? mine;
  const boxes = changed(item, now?.boxes ?? []);
  if (!boxes) {
    tell(words.boxCheck.gone(item.name), "bad");
    return null;
  }
  if (await isOpen(image)) {
    tell(words.boxCheck.open(item.name), "bad");
    return null;
  }
  const seen = isSettled ? image.version : (mine?.version ?? "");
  const written = await write(item.name, { isSettled, boxes, ...sizeOf(now ?? image) }, seen);
  const there = isSettled ? image.settled : mine;
  return { before: { isSettled, boxes: there?.boxes ?? null, ...sizeOf(there ?? image) }, seen, written };
}

/** Whether people contradict each other about the image, and nothing is settled. */
async function isOpen({ name, settled, drawings }: ImageBoxes): Promise<boolean> {
  if (settled || drawings.filter(({ unfinished }) => !unfinished).length < 2) return false;
  const { conflicts } = await untilDone(() => survey());
  return conflicts.length >= MOST_LISTED || conflicts.some((one) => one.name === name.normalize());
}

/** Writes it over what had that version. Resolves with the version that it has now. */
async function write(name: string, { isSettled, ...said }: Said, version: string): Promise<string> {
  return isSettled ? settleBoxes({ name, ...said, version }) : giveBoxes({ name, ...said, version, settled: "" });
}

const sizeOf = ({ width, height }: { width: number | null; height: number | null }) => ({
  width: width ?? undefined,
  height: height ?? undefined,
});

async function look(name: string): Promise<ImageBoxes> {
  const found = (await untilDone(() => drawnOn([{ name }]))).get(name);
  return found ?? { name, width: null, height: null, drawings: [], settled: null, settled_by: null, version: "" };
}

/** The boxes with what is suggested; null where the box is not there any more. */
export function changed(item: SuspectBox, now: readonly GivenBox[]): readonly GivenBox[] | null {
  const { suspicion, suggested, box, predicted_box: predicted } = item;
  if (suspicion === "overlooked") {
    return suggested && predicted ? [...now, { class: suggested, box: predicted }] : null;
  }
  const at = now.findIndex((one) => one.class === item.class && box !== null && isNear(one.box, box));
  if (at < 0) return null;
  const there = now[at]!;
  if (suspicion === "spurious") return now.toSpliced(at, 1);
  if (suspicion === "swapped") return suggested ? now.toSpliced(at, 1, { ...there, class: suggested }) : null;
  return predicted ? now.toSpliced(at, 1, { ...there, box: predicted }) : null;
}

const isNear = (one: Place, other: Place) => one.every((number, index) => Math.abs(number - other[index]!) < NEAR);
