// A contact sheet: images in rank order, one of them looked at, and what a person says of them.

import { computed, type Signal, signal } from "@preact/signals";
import type { ClassProbability, LabelGiven, Picked } from "../service/types";
import { words } from "../words";
import { type Answer, asAnswer, type Given, inWords, isSame, linesOf } from "./answer";
import { leaveToOthers } from "./handOuts";
import { load, loadIfChanged, make, move } from "./labels";
import { note, noteOf } from "./notes";
import { say, tell } from "./notices";
import { give, type Outcome, underWay, unsaved } from "./outbox";
import { isSeveral, setProject, setSkipped, skipped, theProject } from "./project";
import { type AllSaid, allSaid, bringBack, byImage, type Overruled, overrule, SETTLED } from "./settling";

const MOST_TILES = 1000;

export interface Item extends Picked {
  name: string;
  predicted?: string | Answer | null;
  confidence?: number | null;
  top?: ClassProbability[];
  cluster?: number | null;
  copies?: string[];
}

export interface Said {
  given: Answer | null;
  /** Where an image may have several classes: what is toggled and not saved. Its answer is null once all is toggled off. */
  draft: { answer: Answer | null } | null;
  /** Whose label it is, where it is somebody else's. */
  by: string | null;
  skipped: boolean;
  /** How many writes of it are not on the disk yet. */
  saving: number;
  refused: boolean;
}

export interface Entry extends Item {
  predicted: Answer | null;
  index: number;
  said: Signal<Said>;
  looked: Signal<boolean>;
}

interface Step {
  index: number;
  before: Said;
  after: Answer | null;
  copies: string[];
  /** Whether it was the person's being unsure that changed, and nothing that is given. */
  doubt?: boolean;
  /** What else undoes it, where it contradicts what others say. */
  over?: Overruled;
  /** When all of it is on the disk. */
  sent?: Promise<void>;
}

/** What Enter saves of an image that may have several classes: what is toggled, else what it has, else the suggestion. */
export function chosen({ said: { value }, predicted }: Entry): Answer | null {
  return value.draft ? value.draft.answer : (value.given ?? predicted);
}

/** What becomes of answers that contradict what others say: they count; or nobody's, until that is settled; or theirs. */
export type Decision = "settle" | "both" | "leave";
export type Decide = (labels: LabelGiven[], seen: AllSaid) => Promise<Decision>;

export class Sheet {
  readonly entries: readonly Entry[];
  readonly at = signal(0);
  readonly current = computed(() => this.entries[this.at.value]!);
  readonly open = computed(() => this.entries.filter(({ said }) => !said.value.given && !said.value.skipped));
  /** Toggled, and not saved. */
  readonly drafts = computed(() => this.entries.filter(({ said }) => said.value.draft && !said.value.skipped));
  /** Called when another image is looked at: `focus` says that the keyboard goes there. */
  onLook: (index: number, how: { focus: boolean }) => void = () => {};

  private readonly decide: Decide;
  private steps: Step[] = [];
  private sent = 0;
  /** What is being undone on the disk: what is given meanwhile comes after it. */
  private readonly back = new Map<Entry, Promise<boolean>>();
  /** The ETag of the labels that were taken last. */
  private taken: string | null = null;

  constructor(items: readonly Item[], given: ReadonlyMap<string, Given>, decide: Decide) {
    const leftOut = new Set(skipped.peek());
    this.decide = decide;
    this.entries = items.slice(0, MOST_TILES).map((item, index) => ({
      ...item,
      predicted: asAnswer(item.predicted),
      index,
      looked: signal(false),
      said: signal({
        ...labelled(given.get(item.name)),
        draft: null,
        skipped: leftOut.has(item.name) || noteOf(item.name).unsure,
        saving: 0,
        refused: false,
      }),
    }));
    for (const { said } of this.entries) if (said.value.given) said.value = { ...said.value, skipped: false };
    this.look(Math.max(0, this.entries.indexOf(this.open.value[0]!)));
  }

  look(index: number, focus = false): void {
    if (!this.entries.length) return;
    const to = Math.max(0, Math.min(this.entries.length - 1, index));
    this.current.value.looked.value = false;
    this.at.value = to;
    this.current.value.looked.value = true;
    this.onLook(to, { focus });
  }

  /** Looks at the image of that name. Returns whether it is there. */
  lookFor(name: string): boolean {
    const index = this.entries.findIndex((one) => one.name === name);
    if (index >= 0) this.look(index);
    return index >= 0;
  }

  /** The one that is looked at gets this class; where it may have several, it gets it or loses it, until it is saved. */
  give(className: string): void {
    if (!isSeveral()) return this.answer([className]);
    const now = chosen(this.current.value) ?? [];
    const next = now.includes(className) ? now.filter((one) => one !== className) : [...now, className];
    this.draft(next.length ? next : null);
  }

  /** None of the classes applies to it; or that is not said after all. */
  giveNone(): void {
    this.draft(chosen(this.current.value)?.length === 0 ? null : []);
  }

  /** Near-copies get the same where that is wanted. */
  private answer(answer: Answer): void {
    const entry = this.current.value;
    const copies = theProject().copies ? (entry.copies ?? []) : [];
    const step: Step = { index: entry.index, before: entry.said.value, after: answer, copies };
    this.steps.push(step);
    for (const _ of copies) move(null, answer);
    this.set(entry, answer);
    if (entry.said.value.skipped) this.skipping(entry, false);
    step.sent = this.send(
      entry,
      [entry.name, ...copies].flatMap((name) => linesOf(name, answer)),
      step,
    );
    this.advance();
    say(`${inWords(answer)}. ${this.words()}`);
  }

  /** Whether there was something to accept: the suggestion, or what is toggled. */
  accept(): boolean {
    const entry = this.current.value;
    const answer = isSeveral() ? chosen(entry) : entry.predicted;
    if (!answer) return false;
    if (isSeveral() && entry.said.value.given && !entry.said.value.draft) this.advance();
    else this.answer(answer);
    return true;
  }

  skip(): void {
    const entry = this.current.value;
    if (!entry.said.value.given) {
      this.steps.push({ index: entry.index, before: entry.said.value, after: null, copies: [] });
      this.skipping(entry, true);
    }
    this.advance();
    say(words.label.skippedSaid(this.words()));
  }

  /** The person can't tell what it is, and that is kept; or can after all. It is skipped, unless it has a label. */
  doubt(): void {
    const entry = this.current.value;
    const { given, skipped: wasSkipped } = entry.said.value;
    const unsure = !noteOf(entry.name).unsure;
    this.steps.push({ index: entry.index, before: entry.said.value, after: null, copies: [], doubt: true });
    this.setDoubt(entry, unsure);
    if (!given && wasSkipped !== unsure) this.skipping(entry, unsure);
    if (unsure) this.advance();
    say(unsure ? words.notes.unsureSaid(this.words()) : words.notes.sureSaid);
  }

  /** Takes the label of the one that is looked at back, whenever it was given. */
  takeBack(): void {
    const entry = this.current.value;
    const { given, skipped: wasSkipped } = entry.said.value;
    if (this.dropDraft()) return;
    if (!given && !wasSkipped) return tell(words.label.nothingToTakeBack);
    if (given && entry.said.value.by !== null) return void underWay(this.takeBackOwn(entry));
    this.steps.push({ index: entry.index, before: entry.said.value, after: null, copies: [] });
    if (wasSkipped) this.skipping(entry, false);
    if (given) {
      this.set(entry, null);
      void this.send(entry, linesOf(entry.name, null));
    }
    say(words.label.takenBack(this.words()));
  }

  undo(): void {
    if (this.dropDraft()) return;
    const step = this.steps.pop();
    if (!step) return tell(words.label.nothingToUndo);
    const entry = this.entries[step.index]!;
    const { given } = entry.said.value;
    for (const _ of step.copies) move(step.after, null);
    if (step.doubt) this.setDoubt(entry, !noteOf(entry.name).unsure);
    this.restore(entry, step.before);
    if (step.over) void underWay(this.bringBack(entry, step.over, step.sent));
    else if (!isSame(given, step.before.given) || step.copies.length) {
      const copies = step.copies.flatMap((name) => linesOf(name, null));
      void this.send(entry, [...linesOf(entry.name, step.before.given), ...copies]);
    }
    this.look(step.index, true);
    say(words.label.undone(this.words()));
  }

  toggleCopies(): void {
    setProject({ copies: !theProject().copies });
    say(theProject().copies ? words.label.copiesToo : words.label.copiesLeft);
  }

  /** What the service knows by now, after other people or other tabs have labelled. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { sent } = this;
    const names = this.entries.map(({ name }) => name);
    const found = unsaved.value ? null : await loadIfChanged(names, this.taken, signal);
    if (!found || sent !== this.sent) return; // what was given here meanwhile is not in it, perhaps
    this.taken = found.etag;
    this.take(this.entries, found.given);
  }

  /** The next images that need an answer, from the one that is looked at on, at most so many. */
  upcoming(most: number): Entry[] {
    const n = this.entries.length;
    const found: Entry[] = [];
    for (let step = 1; step <= n && found.length < most; step++) {
      const entry = this.entries[(this.at.peek() + step) % n]!;
      const { given, skipped } = entry.said.peek();
      if (!given && !skipped) found.push(entry);
    }
    return found;
  }

  /** How many are left, for a screen reader. */
  words(): string {
    const left = this.open.value.length;
    const { predicted } = this.current.value;
    return left ? words.label.left(left, predicted && inWords(predicted)) : words.label.allDone;
  }

  // --- inside -------------------------------------------------------------------------------------------------------

  private async send(entry: Entry, labels: LabelGiven[], step?: Step): Promise<void> {
    const { said } = entry;
    this.sent++;
    said.value = { ...said.value, saving: said.value.saving + 1, refused: false };
    if (this.back.has(entry)) await this.back.get(entry);
    let outcome: Outcome | "left" = await give(labels);
    const isUndone = () => step !== undefined && !this.steps.includes(step);
    while (outcome === "otherwise" && !isUndone()) {
      const before = await allSaid(labels.map(({ name }) => name));
      const decision = await this.decide(labels, before);
      if (step && decision !== "leave") step.over = { labels, before };
      if (decision === "leave") outcome = "left";
      else outcome = decision === "both" ? await give(labels, "both") : await overrule(labels, before);
    }
    said.value = { ...said.value, saving: said.value.saving - 1 };
    if (outcome === "written" || !step || isUndone()) return;
    this.steps = this.steps.filter((one) => one !== step);
    for (const _ of step.copies) move(step.after, null);
    this.restore(entry, step.before);
    if (outcome === "left") this.take([entry], await load([entry.name]));
    else said.value = { ...said.value, refused: true };
  }

  /** What was written over what others say is undone, once it is on the disk. */
  private async bringBack(entry: Entry, over: Overruled, written?: Promise<void>): Promise<void> {
    const { said } = entry;
    this.sent++;
    said.value = { ...said.value, saving: said.value.saving + 1 };
    const back = Promise.resolve(written).then(() => bringBack(over));
    this.back.set(entry, back);
    const isBack = await back.finally(() => this.back.get(entry) === back && this.back.delete(entry));
    said.value = { ...said.value, saving: said.value.saving - 1 };
    if (!isBack) this.take([entry], await load([entry.name]));
  }

  /** Takes back what the person says of it, where something else counts. */
  private async takeBackOwn(entry: Entry): Promise<void> {
    const { name, index, said } = entry;
    const by = said.value.by ?? "";
    const before = await allSaid([name]);
    if (!byImage(before).get(name)?.has(theProject().person))
      return tell(by === SETTLED ? words.label.isSettled : words.label.isOf(by));
    const labels = linesOf(name, null);
    const step: Step = { index, before: said.value, after: said.value.given, copies: [], over: { labels, before } };
    this.steps.push(step);
    step.sent = this.send(entry, labels, step);
    await step.sent;
    if (!said.value.refused) tell(words.label.ownTakenBack);
  }

  private dropDraft(): boolean {
    const { said } = this.current.value;
    if (!said.value.draft) return false;
    said.value = { ...said.value, draft: null };
    say(words.label.undone(this.words()));
    return true;
  }

  private draft(answer: Answer | null): void {
    const { said } = this.current.value;
    make(answer ?? []);
    said.value = { ...said.value, draft: { answer } };
    say(answer ? inWords(answer) : words.label.nothingChosen);
  }

  private take(entries: readonly Entry[], given: ReadonlyMap<string, Given>): void {
    for (const { said, name } of entries) {
      const now = labelled(given.get(name));
      const was = said.value;
      if (was.saving || (isSame(was.given, now.given) && was.by === now.by)) continue;
      said.value = { ...was, ...now, skipped: was.skipped && !now.given };
    }
  }

  private set(entry: Entry, answer: Answer | null): void {
    move(entry.said.value.given, answer);
    entry.said.value = { ...entry.said.value, given: answer, draft: null, by: null, refused: false };
  }

  private restore(entry: Entry, before: Said): void {
    const { saving } = entry.said.value;
    move(entry.said.value.given, before.given);
    if (entry.said.value.skipped !== before.skipped) setSkipped(entry.name, before.skipped);
    entry.said.value = { ...before, saving };
  }

  private setDoubt({ name }: Entry, unsure: boolean): void {
    void note(new Map([[name, { ...noteOf(name), unsure }]]));
  }

  private skipping(entry: Entry, yes: boolean): void {
    setSkipped(entry.name, yes);
    if (yes) leaveToOthers(entry.name);
    entry.said.value = { ...entry.said.value, skipped: yes };
  }

  /** To the next image that needs an answer. */
  private advance(focus = true): void {
    const [next] = this.upcoming(1);
    if (next) this.look(next.index, focus);
    else this.look(this.at.value);
  }
}

function labelled(one: Given | undefined): Pick<Said, "given" | "by"> {
  const mine = one?.person === theProject().person;
  return { given: one?.answer ?? null, by: one && !mine ? one.person : null };
}
