// All images of the pool by what is known of them: a window into a list that may have a million, and what a person does
// to many of them at once.

import { computed, signal } from "@preact/signals";
import { get, isAbort, Problem, pause } from "../service/service";
import type { LabelGiven, PoolImage, PoolPage } from "../service/types";
import { words } from "../words";
import { type Answer, inWords, isSame, linesOf } from "./answer";
import { untilDone } from "./connection";
import { make, move } from "./labels";
import { note, noteOf } from "./notes";
import { say, tell } from "./notices";
import { give } from "./outbox";
import { isSeveral, theProject, theTask } from "./project";
import { Ranges } from "./ranges";
import { type AllSaid, allSaid, bringBack, byImage, overrule, SETTLED } from "./settling";

const PART = 200; // images that are asked for at once, to be looked at
const MOST_PARTS = 60; // kept
const MANY = 10_000; // images that are asked for, or written, at once, to be labelled
const BUSY_S = 2;

/** What is looked for. What is not there isn't asked; an empty class stands for none. */
export interface Look {
  labelled?: "yes" | "no" | "disputed" | undefined;
  class?: string | undefined;
  person?: string | undefined;
  search?: string | undefined;
  predicted?: string | undefined;
  least?: string | undefined;
  sort?: string | undefined;
  noted?: string | undefined;
  noted_by?: string | undefined;
  apart?: string | undefined;
  of_job?: string | undefined;
  lasso?: string | undefined;
}
export const PARTS_OF_LOOK = [
  "noted",
  "noted_by",
  "apart",
  "of_job",
  "lasso",
  "labelled",
  "class",
  "person",
  "search",
  "predicted",
  "least",
  "sort",
] as const;

/** From how sure on suggestions are looked for: the service has counted how often it is wrong at each of them. */
export const LEVELS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];

/** What becomes of answers that contradict what others say: they count; or nobody's, until that is settled; or theirs. */
export type AboutOthers = "settle" | "both" | "leave";

interface Change {
  image: PoolImage;
  after: Answer | null;
}

/** What was done at once, and is undone at once. */
interface Act {
  changes: Change[];
  how: AboutOthers;
  /** What files said before of the images that contradict what others say. */
  before: AllSaid;
}

type Seen = Pick<PoolPage, "view" | "total" | "images" | "listed_at" | "cross_validated">;

export class Browse {
  readonly seen = signal<Seen | null>(null);
  readonly selected = signal(Ranges.none);
  /** The image that is looked at, by its place. */
  readonly at = signal(0);
  /** Counts up whenever images are there, or others than before. */
  readonly version = signal(0);
  readonly problem = signal<Problem | null>(null);
  /** The image that was looked for by name and isn't among those that are found, and whether the pool has it. */
  readonly missing = signal<{ name: string; isInPool: boolean } | null>(null);
  readonly current = computed(() => {
    this.version.value;
    return this.image(this.at.value);
  });

  private readonly look: Look;
  private readonly prediction: string | null;
  private readonly lifetime: AbortSignal;
  /** How others' labels are gone about that contradict so many answers; null: nothing is done. */
  private readonly decide: (others: PoolImage[]) => Promise<AboutOthers | null>;
  private readonly parts = new Map<number, readonly PoolImage[]>();
  private readonly asked = new Set<number>();
  private readonly acts: Act[];
  private readonly anew: boolean;
  private sought: string | null;
  private anchor = 0;
  private waiting = 0;
  private writing = 0;
  private written = 0;
  private last: Promise<void> = Promise.resolve();

  constructor(
    look: Look,
    prediction: string | null,
    lifetime: AbortSignal,
    decide: Browse["decide"],
    anew = false,
    /** Of what was done before other images were looked for, so that it can be undone still. */
    acts: Act[] = [],
    /** The name of the image to begin with. */
    sought: string | null = null,
  ) {
    this.sought = sought;
    this.look = look;
    this.prediction = prediction;
    this.lifetime = lifetime;
    this.decide = decide;
    this.anew = anew;
    this.acts = acts;
  }

  /** The same acts, about other images. `anew`: the service lists them again, however lately it did. */
  other(
    look: Look,
    prediction: string | null,
    lifetime: AbortSignal,
    anew: boolean,
    sought: string | null = null,
  ): Browse {
    return new Browse(look, prediction, lifetime, this.decide, anew, this.acts, sought);
  }

  /** Whether the image to begin with is still looked for. */
  get isSeeking(): boolean {
    return this.sought !== null;
  }

  get total(): number {
    return this.seen.value?.total ?? 0;
  }

  image(index: number): PoolImage | undefined {
    return this.parts.get(Math.floor(index / PART))?.[index % PART];
  }

  /** Sees to it that these are there, soon. */
  want(first: number, end: number): void {
    for (let part = Math.floor(first / PART); part * PART < Math.max(end, first + 1); part++) {
      if (!this.parts.has(part)) void this.fetch(part);
    }
  }

  /** Whose labels there are by now, of what is there. Resolves with whether all of that was asked for now. */
  async refresh(): Promise<boolean> {
    const isOnItsWay = this.asked.size > 0; // and may be older
    if (this.waiting) return false;
    await Promise.all([...this.parts.keys()].slice(-4).map((part) => this.fetch(part)));
    return !isOnItsWay && !this.problem.peek();
  }

  // --- which of them ------------------------------------------------------------------------------------------------

  lookAt(index: number): void {
    this.at.value = Math.max(0, Math.min(this.total - 1, index));
    const image = this.current.value;
    if (image) say(words.browse.said(this.at.value + 1, this.total, image.name, told(image)));
  }

  /** Selects this one alone; or all from the one that was selected last; or this one, too, or no more. */
  pick(index: number, how: "alone" | "to" | "too"): void {
    this.lookAt(index);
    const at = this.at.value;
    if (how === "to") this.selected.value = Ranges.between(this.anchor, at);
    else {
      this.anchor = at;
      this.selected.value = how === "too" ? this.selected.value.toggled(at) : Ranges.between(at, at);
    }
    this.saySelected();
  }

  /** Looks at another; with Shift, all from the one that was selected last are selected. */
  step(to: number, extends_: boolean): void {
    if (extends_) {
      if (!this.selected.peek().size) this.anchor = this.at.peek();
      this.pick(to, "to");
    } else {
      this.selected.value = Ranges.none;
      this.lookAt(to);
      this.anchor = this.at.peek();
    }
  }

  all(): void {
    this.selected.value = this.total ? Ranges.between(0, this.total - 1) : Ranges.none;
    this.saySelected();
  }

  none(): void {
    this.selected.value = Ranges.none;
    this.saySelected();
  }

  saySelected(): void {
    say(words.browse.selected(this.selected.peek().size));
  }

  // --- what is done to them -----------------------------------------------------------------------------------------

  /** All that are selected, or the one that is looked at, get this class. Where an image may have several they get it
   * besides those they have; or lose it, where all have it. */
  give(name: string): Promise<void> {
    return this.change((images) => {
      if (!isSeveral()) return () => [name];
      const allHaveIt = images.every(({ classes }) => classes?.includes(name));
      const others = ({ classes }: PoolImage) => (classes ?? []).filter((one) => one !== name);
      return (image) => (allHaveIt ? emptyIsNull(others(image)) : [...others(image), name]);
    });
  }

  giveNone(): Promise<void> {
    return this.change(() => () => []);
  }

  takeBack(): Promise<void> {
    return this.change(() => () => null);
  }

  /** The person is unsure of all that are selected; or no more, where that was said of all of them. */
  async doubt(): Promise<void> {
    const selected = this.selected.peek();
    const ranges = selected.size ? selected : Ranges.between(this.at.peek(), this.at.peek());
    await this.inTurn(async () => {
      const names = (await this.imagesIn(ranges)).map(({ name }) => name);
      const unsure = !names.every((name) => noteOf(name).unsure);
      await note(new Map(names.map((name) => [name, { ...noteOf(name), unsure }])));
      say(unsure ? words.notes.unsureOf(names.length) : words.notes.sureSaid);
    });
    await this.refresh();
  }

  /** What is suggested for those that are selected, and have no label. */
  accept(): Promise<void> {
    return this.change(
      () =>
        ({ classes, predicted }) =>
          classes ?? predicted,
    );
  }

  /** The same, for all that are found. */
  acceptAll(): Promise<void> {
    this.all();
    return this.accept();
  }

  async undo(): Promise<void> {
    await this.inTurn(async () => {
      const act = this.acts.pop();
      if (!act) return tell(words.browse.nothingToUndo);
      const [over, rest] = parted(act.changes, act.before);
      const labels = over.flatMap(({ image, after }) => linesOf(image.name, after));
      if (over.length && !(await this.whileWriting(() => bringBack({ labels, before: act.before })))) {
        this.acts.push(act);
        return;
      }
      this.show(turned(over));
      if (!(await this.write(turned(rest), nothingSaid, "leave"))) this.acts.push({ ...act, changes: rest });
      else say(words.browse.undone(act.changes.length));
    });
    await this.refresh();
  }

  private async change(answers: (images: readonly PoolImage[]) => (image: PoolImage) => Answer | null): Promise<void> {
    const ranges = this.selected.peek().size ? this.selected.peek() : Ranges.between(this.at.peek(), this.at.peek());
    this.selected.value = Ranges.none;
    let isOver = false;
    await this.inTurn(async () => {
      const images = await this.imagesIn(ranges);
      const answer = answers(images);
      const isOther = (image: PoolImage) => !isSame(image.classes, answer(image)) || image.disputed;
      const wanted = images.filter((image) => !image.settled && isOther(image));
      const settled = images.filter((image) => image.settled && isOther(image)).length;
      if (settled) tell(words.browse.settledLeft(settled));
      const others = wanted.filter((image) => image.classes && (image.disputed || !isMine(image)));
      const theirs = others.filter((image) => answer(image) !== null);
      const how = theirs.length ? await this.decide(theirs) : "leave";
      const contested = others.filter((image) => answer(image) === null && image.disputed);
      const over = [...(how === "leave" ? [] : theirs), ...contested];
      const before = over.length ? await allSaid(over.map(({ name }) => name)) : nothingSaid;
      const isChanged = how !== "leave" && !theirs.every(isAsSeenIn(before));
      if (isChanged) tell(words.browse.changedMeanwhile, "bad");
      if (how === null || isChanged) {
        this.selected.value = ranges;
        return;
      }
      const said = byImage(before);
      const stay = others.filter((one) => answer(one) === null && !said.get(one.name)?.has(theProject().person));
      if (stay.length) tell(words.browse.othersStay(stay.length));
      const left = new Set(how === "leave" ? [...theirs, ...stay] : stay);
      const changes = wanted.filter((one) => !left.has(one)).map((image) => ({ image, after: answer(image) }));
      if (!changes.length) return tell(words.browse.nothingChanges);
      make([...new Set(changes.flatMap(({ after }) => after ?? []))]);
      if (!(await this.write(changes, before, how))) return;
      this.acts.push({ changes, how, before });
      isOver = over.length > 0;
      const [first] = changes;
      say(words.browse.done(changes.length, first?.after ? inWords(first.after) : null));
    });
    if (isOver) await this.refresh(); // what counts of them is not what was given, perhaps
  }

  /** Whether all was written. What was not is as before. */
  private write(changes: readonly Change[], seen: AllSaid, how: AboutOthers): Promise<boolean> {
    return this.whileWriting(() => this.writeParts(changes, seen, how));
  }

  private async whileWriting<T>(work: () => Promise<T>): Promise<T> {
    this.writing++;
    try {
      return await work();
    } finally {
      this.writing--;
      this.written++;
    }
  }

  private async writeParts(changes: readonly Change[], seen: AllSaid, how: AboutOthers): Promise<boolean> {
    this.show(changes);
    const [over, rest] = parted(changes, seen); // what nobody was asked about contradicts nobody unasked
    const written: Change[] = [];
    for (const some of [...inParts(rest), ...inParts(over)]) {
      const lines: LabelGiven[] = some.flatMap(({ image, after }) => linesOf(image.name, after));
      const decided = over.includes(some[0]!) ? how : "leave";
      const outcome = await (decided === "settle"
        ? overrule(lines, seen)
        : give(lines, decided === "both" ? decided : undefined));
      if (outcome === "written") {
        written.push(...some);
        continue;
      }
      if (outcome === "otherwise") tell(words.browse.changedMeanwhile, "bad");
      const isWritten = new Set(written);
      this.show(turned(changes.filter((one) => !isWritten.has(one))));
      if (written.length) this.acts.push({ changes: written, how, before: seen });
      return false;
    }
    return true;
  }

  /** Before the service has said so. */
  private show(changes: readonly Change[]): void {
    const byName = new Map(changes.map((one) => [one.image.name, one]));
    for (const { image, after } of changes) move(image.classes, after);
    const { person } = theProject();
    for (const [part, images] of this.parts) {
      if (!images.some(({ name }) => byName.has(name))) continue;
      const changed = images.map((image) => {
        const change = byName.get(image.name);
        return change ? { ...image, classes: change.after as string[] | null, person: change.after && person } : image;
      });
      this.parts.set(part, changed);
    }
    this.version.value++;
  }

  private async imagesIn(ranges: Ranges): Promise<PoolImage[]> {
    const found: PoolImage[] = [];
    for (const [first, end] of ranges.all) {
      for (let at = first; at < end; ) {
        const image = this.image(at);
        if (image) {
          found.push(image);
          at++;
          continue;
        }
        const limit = Math.min(MANY, end - at);
        const { data } = await this.page(at, limit);
        found.push(...data);
        at += limit;
      }
    }
    return found;
  }

  /** A quick hand gives the next class before the last one is on the disk. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    this.waiting++;
    const mine = this.last.then(work).finally(() => this.waiting--);
    this.last = mine.catch(() => {});
    return mine;
  }

  // --- from the service ---------------------------------------------------------------------------------------------

  private async fetch(part: number): Promise<void> {
    if (this.asked.has(part)) return;
    this.asked.add(part);
    try {
      const { data, ...seen } = await this.pageAsWritten(part);
      const before = this.seen.peek();
      if (before && before.view !== seen.view) this.begin();
      if (seen.sought) this.found(seen.sought);
      this.seen.value = seen;
      this.parts.delete(part);
      this.parts.set(part, data);
      if (this.parts.size > MOST_PARTS) this.parts.delete(this.parts.keys().next().value!);
      this.version.value++;
      this.problem.value = null;
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof Problem)) throw error;
      this.problem.value = error;
    } finally {
      this.asked.delete(part);
    }
  }

  private found({ in_pool: isInPool, place }: NonNullable<PoolPage["sought"]>): void {
    const name = this.sought!;
    this.sought = null;
    if (place === null) {
      this.missing.value = { name, isInPool };
      return;
    }
    this.at.value = place;
    this.anchor = place;
    this.want(place, place + 1);
  }

  /** A part, asked for again where labels were written meanwhile: the answer may not have them yet. */
  private async pageAsWritten(part: number): Promise<PoolPage> {
    for (;;) {
      const written = this.written;
      const page = await this.page(part * PART, PART);
      if (this.written === written && !this.writing) return page;
      await this.last;
    }
  }

  /** The service has looked through the pool anew: places are others now. */
  private begin(): void {
    this.parts.clear();
    this.selected.value = Ranges.none;
    tell(words.browse.anew);
  }

  /** A folder of a million images takes the service a while to list: it says that it is busy, and goes on with it. */
  private async page(offset: number, limit: number): Promise<PoolPage> {
    const { pool, labels } = theProject();
    const query = {
      path_to_img: pool,
      path_to_labels: labels,
      ...theTask(),
      ...this.look,
      prediction: this.prediction,
      view: this.seen.peek()?.view,
      anew: this.anew && !this.seen.peek(),
      seek: this.sought,
      offset,
      limit,
    };
    for (;;) {
      try {
        return await untilDone(
          () =>
            get<PoolPage>(this.look.class === "" ? "pool?class=" : "pool", {
              query,
              signal: this.lifetime,
              patience: 70,
            }),
          this.lifetime,
        );
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== "folder_busy") throw error;
        await pause(BUSY_S);
        this.lifetime.throwIfAborted();
      }
    }
  }
}

const isMine = ({ person }: PoolImage) => person === theProject().person;
const nothingSaid: AllSaid = { lines: [], versions: {} };

/** Those of which it was looked up what files say, and the rest. */
function parted(changes: readonly Change[], { versions }: AllSaid): [over: Change[], rest: Change[]] {
  const isOver = ({ image }: Change) => image.name in versions;
  return [changes.filter(isOver), changes.filter((one) => !isOver(one))];
}

const inParts = (changes: readonly Change[]): Change[][] =>
  Array.from({ length: Math.ceil(changes.length / MANY) }, (_, at) => changes.slice(at * MANY, (at + 1) * MANY));

/** What brings images back to what they were. */
const turned = (changes: readonly Change[]): Change[] =>
  changes.map(({ image, after }) => ({ image: { ...image, classes: after as string[] | null }, after: image.classes }));

/** Whether what counts of an image, or that nothing does, is what was listed. */
function isAsSeenIn(said: AllSaid): (image: PoolImage) => boolean {
  const found = byImage(said);
  return ({ name, classes, disputed }) => {
    const lines = found.get(name);
    if (disputed) return !lines?.has(SETTLED);
    return isSame(lines?.values().next().value ?? null, classes);
  };
}

const emptyIsNull = (answer: Answer): Answer | null => (answer.length ? answer : null);

/** What is known of an image, for a screen reader. */
export function told({ classes, person, settled, disputed, predicted, confidence }: PoolImage): string {
  if (disputed) return words.browse.disputed;
  if (classes && settled) return words.browse.settled(inWords(classes));
  if (classes)
    return person && person !== theProject().person
      ? words.label.saidLabelledBy(inWords(classes), person)
      : words.label.saidLabelled(inWords(classes));
  return predicted ? words.browse.guessed(inWords(predicted), confidence ?? 0) : words.label.saidNothing;
}
