// Images one after another, what is drawn on each, and its way to the disk.

import { computed, type Signal, signal } from "@preact/signals";
import { besides, oneOfEach, type Place } from "../boxes/geometry";
import { Problem, pause } from "../service/service";
import type { ImageBoxes, Picked } from "../service/types";
import { words } from "../words";
import { doubt, untilDone } from "./connection";
import { drawnOn, type GivenBox, giveBoxes, isOwn, type Over, settleBoxes, surveyIfChanged } from "./drawings";
import { leaveToOthers } from "./handOuts";
import { classes, make, moveBox, moveImages } from "./labels";
import { note, noteOf } from "./notes";
import { say, tell } from "./notices";
import { underWay } from "./outbox";
import { setSkipped, skipped } from "./project";
import { keepUnnamed, unnamedOn } from "./unnamed";

/** What a detector proposes. Nobody has named a class yet where it has none. */
export interface Suggested {
  box: Place;
  class: string | null;
  score: number;
  /** Whether its score is one from which on it may be taken for right. */
  draft: boolean;
}

export interface Item extends Picked {
  name: string;
  boxes?: readonly Suggested[];
}

export interface Drawn {
  id: number;
  place: Place;
  class: string | null;
  crowd: boolean;
  /** Of a suggestion that nobody has touched or accepted; null of what a person drew. */
  suggested: { score: number; draft: boolean } | null;
}

export interface Sketch {
  boxes: readonly Drawn[];
  /** Somebody has said that this is all. */
  finished: boolean;
  /** Nobody has drawn, changed or said anything yet. */
  untouched: boolean;
  /** It is what is settled to count, and is written there: the person's own file stays as it is. */
  isSettled: boolean;
}

/** What to do with what was drawn meanwhile, by oneself in another tab or by somebody else. */
export type Decision = "mine" | "theirs" | "both" | "later";
/** people: who drew otherwise; none, where it was oneself. isSettled: what counts was settled, and is otherwise. */
export type Decide = (entry: Entry, people: readonly string[], isSettled: boolean) => Promise<Decision>;

export interface Entry {
  name: string;
  index: number;
  reason: string;
  suggested: readonly Suggested[];
  size: Signal<{ width: number; height: number } | null>;
  sketch: Signal<Sketch>;
  /** Whose drawing it is, where it is somebody else's; "" where it was settled. */
  by: Signal<string | null>;
  skipped: Signal<boolean>;
  saving: Signal<boolean>;
  refused: Signal<boolean>;
  /** Of the person's own drawing on the disk. */
  version: string;
  /** Of all that is finished and settled on it, as it was seen last. */
  seenAs: string;
  /** Of what was seen to be settled on it; empty: nothing was. */
  settled: string;
  /** Of other people's. */
  theirs: readonly string[];
  /** What is to be written: null takes it back; undefined: nothing. */
  wanted: Sketch | null | undefined;
}

interface Step {
  index: number;
  before: Sketch;
  after: Sketch;
  /** What was done, and when: quick repetitions are one step. */
  what: string;
  at: number;
}

const ONE_STEP_MS = 800;
const QUIET_S = 0.25;
const AGAIN_S = [0.5, 1, 2];

let lastId = 0;
export const newId = () => ++lastId;

export class Board {
  readonly entries: readonly Entry[];
  readonly at = signal(0);
  readonly current = computed(() => this.entries[this.at.value]!);
  /** The box that keys are about. */
  readonly picked = signal<number | null>(null);
  /** Suggestions from this score on; null: where they may be taken for right. */
  readonly least = signal<number | null>(null);
  readonly open = computed(() => this.entries.filter((one) => !one.sketch.value.finished && !one.skipped.value));
  readonly begun = computed(() => this.open.value.filter(({ sketch }) => !sketch.value.untouched));
  /** What is seen of the one that is looked at. */
  readonly seen = computed(() => this.seenOf(this.current.value.sketch.value.boxes));
  readonly pickedBox = computed(() => this.seen.value.find(({ id }) => id === this.picked.value) ?? null);
  readonly canUndo = signal(false);
  /** The class of the box that was named last. */
  lastClass: string | null = null;

  private readonly decide: Decide;
  private steps: Step[] = [];
  private undone: Step[] = [];
  /** The ETag of the boxes that were taken last. */
  private taken: string | null = null;

  /** comingBack: the images are there to be come back to, also those that were skipped, or that the person is unsure of. */
  constructor(
    items: readonly Item[],
    drawn: ReadonlyMap<string, ImageBoxes>,
    decide: Decide,
    { comingBack = false } = {},
  ) {
    const leftOut = new Set(skipped.peek());
    const isLeftOut = (name: string) => !comingBack && (leftOut.has(name) || noteOf(name).unsure);
    this.decide = decide;
    this.entries = items.map(({ name, boxes = [], ...picked }, index) => ({
      name,
      index,
      reason: words.results?.image(picked) ?? picked.reason ?? "",
      suggested: boxes,
      size: signal(null),
      sketch: signal(nothingYet([])),
      by: signal(null),
      skipped: signal(isLeftOut(name)),
      saving: signal(false),
      refused: signal(false),
      version: "",
      seenAs: "",
      settled: "",
      theirs: [],
      wanted: undefined,
    }));
    this.take(drawn);
    this.look(Math.max(0, this.entries.indexOf(this.open.value[0]!)));
  }

  /** What is seen of boxes: no suggestion that is not sure enough, and none about what is drawn or suggested more surely. */
  seenOf(boxes: readonly Drawn[]): readonly Drawn[] {
    const least = this.least.value;
    const sure = boxes.filter(({ suggested: one }) => !one || (least === null ? one.draft : one.score >= least));
    return oneOfEach(sure, ({ suggested }) => suggested?.score ?? null);
  }

  look(index: number): void {
    if (!this.entries.length) return;
    this.at.value = Math.max(0, Math.min(this.entries.length - 1, index));
    this.picked.value = null;
  }

  // --- one box ------------------------------------------------------------------------------------------------------

  pick(id: number | null): void {
    this.picked.value = id;
    const box = this.pickedBox.value;
    if (box) say(this.wordsOf(box));
  }

  /** Picks the next box, or the one before; null after the last. Returns whether there was one. */
  pickNext(by: 1 | -1): boolean {
    const at = this.seen.value.findIndex(({ id }) => id === this.picked.value);
    const next = at < 0 ? this.seen.value.at(by > 0 ? 0 : -1) : this.seen.value[at + by];
    this.pick(next?.id ?? null);
    return next !== undefined;
  }

  draw(place: Place): void {
    const box: Drawn = { id: newId(), place, class: this.lastClass, crowd: false, suggested: null };
    this.change(`draw ${box.id}`, [...this.boxes, box]);
    moveBox(null, box.class);
    this.pick(box.id);
  }

  /** Moves or resizes the picked box, which thereby is the person's own. */
  place(place: Place, what = "place"): void {
    this.changePicked(`${what} ${this.picked.value}`, (box) => ({ ...box, place, suggested: null }));
  }

  /** The picked box has this class. One that was only suggested is accepted by that, and the next one is looked at. */
  name(className: string): void {
    const box = this.pickedBox.value;
    if (!box) return tell(words.boxes.pickFirst(this.seen.value.length));
    const wasOpen = box.suggested !== null;
    this.lastClass = className;
    moveBox(wasOpen ? null : box.class, className);
    const next = this.seen.value[this.seen.value.indexOf(box) + 1];
    this.changePicked(`name ${box.id}`, (one) => ({ ...one, class: className, suggested: null }));
    if (wasOpen && next?.suggested) this.pick(next.id);
    else say(className);
  }

  remove(): void {
    const box = this.pickedBox.value;
    if (!box) return;
    const index = this.seen.value.indexOf(box);
    if (!box.suggested) moveBox(box.class, null);
    this.change(
      `remove ${box.id}`,
      this.boxes.filter((one) => one !== box),
    );
    this.pick((this.seen.value[index] ?? this.seen.value.at(-1))?.id ?? null);
    say(words.boxes.removed);
  }

  // --- one image ----------------------------------------------------------------------------------------------------

  /**
   * All that is seen is right, and all there is. Returns whether it could be said: each box needs a class, and that
   * nothing is there is said in words of its own, for whoever sees no box may only want to go on.
   */
  accept(): boolean {
    const boxes = this.seenOf(this.boxes);
    if (!boxes.length && !this.current.value.sketch.value.finished) {
      tell(words.boxes.noneSeen);
      return false;
    }
    if (this.wantsNames(boxes)) return false;
    for (const box of boxes) if (box.suggested) moveBox(null, box.class);
    this.finish(boxes.map((box) => ({ ...box, suggested: null })));
    return true;
  }

  /** By its key. Not where the person drew a box, or it was settled: whoever types its name means no key by an n. */
  nothingByKey(): void {
    const own = this.boxes.filter((box) => !box.suggested);
    if (this.wantsNames(own)) return;
    if (own.length && !this.current.value.by.value) tell(words.boxes.drawnHere(own.length));
    else this.nothingHere();
  }

  nothingHere(): void {
    for (const box of this.boxes) if (!box.suggested) moveBox(box.class, null);
    this.finish([]);
  }

  skip(): void {
    const entry = this.current.value;
    if (!entry.sketch.value.finished) {
      this.setSkipped(entry, true);
      leaveToOthers(entry.name);
    }
    this.advance();
  }

  /** The person can't tell what is on it, and that is kept; or can after all. It is skipped, unless it is finished. */
  doubt(): void {
    const entry = this.current.value;
    const unsure = !noteOf(entry.name).unsure;
    void note(new Map([[entry.name, { ...noteOf(entry.name), unsure }]]));
    if (!entry.sketch.value.finished) {
      this.setSkipped(entry, unsure);
      if (unsure) leaveToOthers(entry.name);
    }
    if (unsure) this.advance();
    say(unsure ? words.notes.unsureSaid(this.words()) : words.notes.sureSaid);
  }

  /** Takes all that the person said of the image back, whenever it was said; suggestions are there again. Of what is
   * settled, what was changed here: what was settled before stays so. */
  takeBack(): void {
    const entry = this.current.value;
    if (entry.skipped.value) return this.setSkipped(entry, false);
    const now = entry.sketch.value;
    const first = now.isSettled ? this.steps.find(({ index }) => index === entry.index)?.before : null;
    if (now.isSettled ? !first : now.untouched || entry.by.value !== null) return tell(words.boxes.nothingToTakeBack);
    this.forget(entry);
    this.show(entry, now, first?.isSettled ? first : nothingYet(open(entry, [])));
    this.picked.value = null;
    say(first?.isSettled ? words.boxes.undone : words.boxes.takenBack);
  }

  undo(): void {
    const step = this.steps.pop();
    if (!step) return tell(words.boxes.nothingToUndo);
    this.undone.push(step);
    this.restore(step, step.before, step.after);
    say(words.boxes.undone);
  }

  redo(): void {
    const step = this.undone.pop();
    if (!step) return tell(words.boxes.nothingToRedo);
    this.steps.push(step);
    this.restore(step, step.after, step.before);
  }

  // --- how it stands ------------------------------------------------------------------------------------------------

  wordsOf(box: Drawn): string {
    const at = this.seen.value.findIndex(({ id }) => id === box.id);
    return words.boxes.said(at + 1, this.seen.value.length, box.class, box.suggested?.score ?? null, box.place);
  }

  /** The next images that need an answer. */
  upcoming(most: number): Entry[] {
    const n = this.entries.length;
    const after = Array.from({ length: n }, (_, step) => this.entries[(this.at.peek() + 1 + step) % n]!);
    return after.filter((one) => !one.sketch.peek().finished && !one.skipped.peek()).slice(0, most);
  }

  /** Looks again what is on the disk, where that changed, and leaves what is being changed here. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const asked = new Map(this.entries.map((entry) => [entry, stateOf(entry)]));
    const found = await surveyIfChanged(this.taken, signal);
    if (!found) return;
    const drawn = await drawnOn(this.entries, signal);
    const isAll = this.take(drawn, (entry) => asked.get(entry) === stateOf(entry)); // what was written meanwhile is newer
    this.taken = isAll ? found.etag : null;
  }

  private get boxes(): readonly Drawn[] {
    return this.current.value.sketch.value.boxes;
  }

  private wantsNames(boxes: readonly Drawn[]): boolean {
    const unnamed = boxes.filter((box) => box.class === null);
    if (!unnamed[0]) return false;
    this.pick(unnamed[0].id);
    tell((classes.peek().length ? words.boxes.unnamed : words.boxes.firstClass)(unnamed.length));
    return true;
  }

  /** Returns whether all of it was taken: what is being changed here stays. */
  private take(drawn: ReadonlyMap<string, ImageBoxes>, isAsAsked: (entry: Entry) => boolean = () => true): boolean {
    let isAll = true;
    for (const entry of this.entries) {
      const found = drawn.get(entry.name);
      const mayBe = entry.wanted === undefined && !entry.saving.peek() && isAsAsked(entry);
      const before = stateOf(entry);
      if (found && mayBe) takeDrawing(entry, found);
      if (stateOf(entry) !== before) this.forget(entry); // what was done before would be undone to over it
      isAll &&= mayBe;
    }
    return isAll;
  }

  private changePicked(what: string, how: (box: Drawn) => Drawn): void {
    const box = this.pickedBox.value;
    if (!box) return;
    if (box.suggested && !what.startsWith("name")) moveBox(null, box.class);
    this.change(
      what,
      this.boxes.map((one) => (one === box ? how(one) : one)),
    );
  }

  private change(what: string, boxes: readonly Drawn[], finished = this.current.value.sketch.value.finished): void {
    const entry = this.current.value;
    const [before, last, now] = [entry.sketch.value, this.steps.at(-1), Date.now()];
    const after = { boxes, finished, untouched: false, isSettled: before.isSettled };
    if (last && last.what === what && last.index === entry.index && now - last.at < ONE_STEP_MS) {
      last.after = after;
      last.at = now;
    } else this.steps.push({ index: entry.index, before, after, what, at: now });
    this.undone = [];
    this.canUndo.value = true;
    entry.sketch.value = after;
    if (skipped.peek().includes(entry.name)) this.setSkipped(entry, false);
    this.save(entry, after);
  }

  private finish(boxes: readonly Drawn[]): void {
    if (!this.current.value.sketch.value.finished) moveImages(1);
    this.change("finish", boxes, true);
    this.advance();
  }

  private advance(): void {
    const [next] = this.upcoming(1);
    this.look(next ? next.index : this.at.value);
    say(this.words());
  }

  /** How many are left, and which comes next. */
  private words(): string {
    const left = this.open.value.length;
    return left ? words.boxes.left(left, this.current.value.name, this.seen.value.length) : words.label.allDone;
  }

  private restore(step: Step, to: Sketch, from: Sketch): void {
    const entry = this.entries[step.index]!;
    this.canUndo.value = this.steps.length > 0;
    if (this.at.value !== step.index) this.look(step.index);
    this.show(entry, from, to);
  }

  private show(entry: Entry, from: Sketch, to: Sketch): void {
    for (const box of from.boxes) if (!box.suggested) moveBox(box.class, null);
    for (const box of to.boxes) if (!box.suggested) moveBox(null, box.class);
    moveImages(Number(to.finished) - Number(from.finished));
    entry.sketch.value = to;
    this.save(entry, to.untouched && !to.isSettled ? null : to);
  }

  /** What was done to the image can't be undone any more. */
  private forget(entry: Entry): void {
    this.steps = this.steps.filter(({ index }) => index !== entry.index);
    this.undone = this.undone.filter(({ index }) => index !== entry.index);
    this.canUndo.value = this.steps.length > 0;
  }

  private setSkipped(entry: Entry, yes: boolean): void {
    setSkipped(entry.name, yes);
    entry.skipped.value = yes;
  }

  // --- to the disk --------------------------------------------------------------------------------------------------

  private save(entry: Entry, wanted: Sketch | null): void {
    entry.wanted = wanted;
    keepUnnamed(entry.name, unnamedIn(wanted?.boxes ?? []));
    if (entry.saving.value) return;
    entry.saving.value = true;
    entry.refused.value = false;
    const writing = this.writeAll(entry).finally(() => {
      entry.saving.value = false;
    });
    void underWay(writing);
  }

  private async writeAll(entry: Entry): Promise<void> {
    let over: Over = {};
    for (let tries = 0; entry.wanted !== undefined; ) {
      if (!entry.wanted?.finished) await pause(QUIET_S); // more is to come
      const now = entry.wanted;
      try {
        if (isSettledOn(entry) && !now?.isSettled) {
          await settle(entry, null); // first: what is undone counts no moment longer than it is there
          over = { keep_both: true }; // as it was before
        }
        const counts = now?.isSettled ? ({ replace: entry.theirs, settle: true } as const) : over;
        if (!isSettledOn(entry)) await write(entry, now, counts);
        else if (now?.finished) await settle(entry, now); // until then what was settled counts
        if (entry.wanted === now) entry.wanted = undefined;
        if ("keep_both" in counts && entry.settled) await this.showWhatCounts(entry);
        [tries, over] = [0, {}];
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (["boxes_changed", "labelled_otherwise"].includes(error.code)) over = await this.askWhatCounts(entry);
        else if (error.retryable) {
          if (error.code !== "unreachable") tell(words.labels.notYetWritten(error.message), "bad");
          doubt();
          await pause(AGAIN_S[tries++] ?? 2);
        } else {
          entry.wanted = undefined;
          entry.refused.value = true;
          tell(words.labels.notWritten(error.message), "bad");
        }
      }
    }
  }

  /** Something else is on the disk by now: a person decides. */
  private async askWhatCounts(entry: Entry): Promise<Over> {
    const found = (await untilDone(() => drawnOn([entry]))).get(entry.name);
    if (!found) return {};
    const mine = found.drawings.find(isOwn);
    const theirs = othersOf(found);
    const isOther = (mine?.version ?? "") === entry.version;
    const isSettled = isSettledOn(entry) || !!found.settled;
    const people = isOther && !isSettled ? theirs.map(({ person }) => person) : [];
    const answer = await this.decide(entry, people, !!found.settled);
    entry.version = mine?.version ?? "";
    entry.theirs = theirs.map(({ version }) => version);
    entry.seenAs = found.version;
    entry.settled = found.settled?.version ?? "";
    if (answer === "mine" && isSettled) {
      entry.by.value = "";
      if (entry.wanted) this.alter(entry, { isSettled: true });
      if (found.settled) this.stepsFrom(entry, sketchOf(entry, found)); // what is undone is what was settled
    } else if (answer === "mine") {
      if (isOther && entry.wanted) this.alter(entry, { isSettled: true });
    } else if (answer === "both" || (answer === "later" && entry.wanted)) {
      entry.by.value = null; // what is settled stays so
      this.alter(entry, { isSettled: false, ...(answer === "later" && { finished: false }) });
      return answer === "both" ? { keep_both: true } : {};
    } else {
      entry.wanted = undefined;
      const before = entry.sketch.value;
      keepUnnamed(entry.name, []);
      takeDrawing(entry, found, true);
      this.stepsFrom(entry, { ...before, isSettled });
      tell(words.boxes.takenInstead);
    }
    return {};
  }

  /** What is settled, once the person's own drawing is in their file beside it: of that, nothing is undone here. */
  private async showWhatCounts(entry: Entry): Promise<void> {
    const found = (await untilDone(() => drawnOn([entry]))).get(entry.name);
    if (!found?.settled || entry.wanted !== undefined) return;
    takeDrawing(entry, found, true);
    this.forget(entry);
    tell(words.boxes.keptInMine);
  }

  /** What is wanted, otherwise in this. */
  private alter(entry: Entry, otherwise: Partial<Sketch>): void {
    const before = entry.sketch.value;
    const now = { ...before, ...otherwise };
    for (const step of this.steps) if (step.after === before) step.after = now;
    entry.sketch.value = now;
    if (entry.wanted) entry.wanted = now;
  }

  /** All that can be undone of the image is that it came from there to what is shown. */
  private stepsFrom(entry: Entry, before: Sketch): void {
    this.forget(entry);
    this.steps.push({ index: entry.index, before, after: entry.sketch.value, what: "take", at: Date.now() });
    this.undone = [];
    this.canUndo.value = true;
  }
}

// --- on the disk ----------------------------------------------------------------------------------------------------

/** Into the person's own file. */
async function write(entry: Entry, sketch: Sketch | null, over: Over): Promise<void> {
  const unfinished = !!sketch && !sketch.finished;
  const { name, version, settled } = entry;
  const given = { name, version, settled, unfinished, boxes: boxesOf(sketch), ...entry.size.peek() };
  entry.version = await giveBoxes(given, over);
  if (sketch?.finished) entry.by.value = null;
  if (!sketch?.isSettled) return;
  const found = (await untilDone(() => drawnOn([entry]))).get(entry.name);
  if (!found?.settled) return; // by now nobody contradicts it
  entry.by.value = "";
  entry.settled = found.settled.version;
  entry.seenAs = found.settled.version === entry.version ? found.version : ""; // else somebody was quicker: it is asked
}

/** As what counts of the image, over what was seen; null opens it again. */
async function settle(entry: Entry, sketch: Sketch | null): Promise<void> {
  const given = { name: entry.name, version: entry.seenAs, boxes: boxesOf(sketch), ...entry.size.peek() };
  entry.seenAs = await settleBoxes(given);
  entry.by.value = sketch ? "" : null;
  if (!sketch) entry.settled = "";
}

/** What of it is written. */
function boxesOf(sketch: Sketch | null): readonly GivenBox[] | null {
  const own = sketch?.boxes.filter((box) => !box.suggested && box.class !== null);
  return own?.map(({ class: one, place, crowd }) => ({ class: one!, box: place, crowd })) ?? null;
}

/** What other people have finished. */
const othersOf = ({ drawings }: ImageBoxes) => drawings.filter((one) => !isOwn(one) && !one.unfinished);

/** Whether what counts on it is settled on the disk. */
const isSettledOn = ({ by }: Entry) => by.peek() === "";

/** Changes with what is written of it from here. */
const stateOf = (entry: Entry) => `${entry.version}\t${isSettledOn(entry) ? entry.seenAs : ""}`;

const nothingYet = (boxes: readonly Drawn[]): Sketch => ({ boxes, finished: false, untouched: true, isSettled: false });

const shownOf = (found: ImageBoxes) => found.settled ?? found.drawings.find(isOwn) ?? othersOf(found)[0];

function takeDrawing(entry: Entry, found: ImageBoxes, changed = false): void {
  const { width, height, settled } = found;
  const mine = found.drawings.find(isOwn);
  const shown = shownOf(found);
  const theirs = othersOf(found).map(({ version }) => version);
  const same =
    (mine?.version ?? "") === entry.version &&
    entry.theirs.join() === theirs.join() &&
    (settled ? isSettledOn(entry) && entry.seenAs === found.version : !isSettledOn(entry));
  entry.theirs = theirs;
  entry.version = mine?.version ?? "";
  entry.seenAs = found.version;
  entry.settled = settled?.version ?? "";
  if (!entry.size.peek()) entry.size.value = width && height ? { width, height } : null;
  else if (same && !changed) return; // what was picked stays so
  entry.by.value = !shown || shown === mine ? null : shown === settled ? "" : shown.person;
  entry.sketch.value = sketchOf(entry, found);
}

function sketchOf(entry: Entry, found: ImageBoxes): Sketch {
  const shown = shownOf(found);
  const finished = shown ? !shown.unfinished : false;
  const unnamed = finished ? [] : unnamedOn(entry.name).map((box) => ({ box, class: null, crowd: false }));
  const boxes = [...(shown?.boxes ?? []), ...unnamed].map(
    (one): Drawn => ({ id: newId(), place: one.box, class: one.class, crowd: one.crowd ?? false, suggested: null }),
  );
  make([...boxes, ...entry.suggested].flatMap((one) => one.class ?? [])); // unfinished ones are not counted
  return {
    boxes: finished ? boxes : [...boxes, ...open(entry, boxes)],
    finished,
    untouched: !found.drawings.some(isOwn) && !unnamed.length,
    isSettled: found.settled !== null,
  };
}

const unnamedIn = (boxes: readonly Drawn[]) =>
  boxes.filter((box) => !box.suggested && box.class === null).map(({ place }) => place);

/** Suggestions about what nobody has drawn yet. */
const open = ({ suggested }: Entry, drawn: readonly Drawn[]): Drawn[] =>
  besides(
    suggested,
    drawn.map(({ place }) => place),
  ).map(({ box, class: one, score, draft }) => ({
    id: newId(),
    place: box,
    class: one,
    crowd: false,
    suggested: { score, draft },
  }));
