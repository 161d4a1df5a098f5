// The labels in the project's folder: how many of each class, which key each class has, and what was given just now.

import { computed, signal } from "@preact/signals";
import { inAddresses } from "../service/addresses";
import { ask, isAbort, Problem } from "../service/service";
import type { LabelsView } from "../service/types";
import { type Answer, type Given, gathered } from "./answer";
import { declaredNames, declareNew, described, keys, loadClasses, reorder } from "./classes";
import { reordered } from "./keys";
import { allSaved, unsaved } from "./outbox";
import { classOrder, theProject, theTask } from "./project";
import { toneIn } from "./tone";
import { inOrder } from "./turns";

/** Of images in the pool. */
export const total = signal<number | null>(null);
/** Of these, those of images that are kept apart, of which nothing is learnt. */
export const totalApart = signal(0);
/** Labels of names that no image in the pool has. */
export const elsewhere = signal(0);
/** Who has given labels. */
export const people = signal<readonly string[]>([]);
/** By class; those of no class at all stand under an empty name. */
export const counts = signal<ReadonlyMap<string, number>>(new Map());
export const classes = computed(() => classOrder.value.filter(Boolean));
export const classByKey = computed(() => new Map([...keys.value].map(([name, pressed]) => [pressed, name])));

let countedIn = "";

/** Counts anew, and finds which of the names have a label by now, whoever gave it. */
export async function load(names: readonly string[], signal?: AbortSignal): Promise<Map<string, Given>> {
  return (await loadIfChanged(names, null, signal))?.given ?? new Map();
}

/** The same, but null where no labels file has changed since the answer of that ETag. Who keeps it until all of an answer is
 * taken misses nothing, whoever else has looked meanwhile. */
export async function loadIfChanged(
  names: readonly string[],
  since: string | null,
  signal?: AbortSignal,
): Promise<{ given: Map<string, Given>; etag: string | null } | null> {
  const { labels: folder, pool } = theProject();
  const given = new Map<string, Given>();
  const take = takerOfCounts(() => load([]));
  const headers: Record<string, string> = since ? { "If-None-Match": since } : {};
  let etag: string | null = null;
  const parts = inAddresses(names);
  const part = async (at: number) => {
    const query = { path_to_labels: folder, path_to_img: pool, of: parts[at]!, ...theTask() };
    const answer = await ask("GET", "labels", { query, signal, headers: at ? {} : headers });
    if (answer.status === 304) return false;
    if (at === 0) await loadClasses(signal).catch(() => {}); // without them each page has keys of its own
    const view = (await answer.json()) as LabelsView;
    for (const [name, one] of gathered(view.names ?? [])) given.set(name, one);
    if (at > 0) return true;
    people.value = view.people.map(({ person }) => person);
    take(view, folder);
    etag = answer.headers.get("ETag");
    return true;
  };
  if (!(await part(0))) return null;
  await Promise.all(parts.slice(1).map((_, index) => part(index + 1)));
  return { given, etag };
}

type Counted = Pick<LabelsView, "labels" | "classes" | "not_in_pool"> & Partial<Pick<LabelsView, "kept_apart">>;
const countsInOrder = inOrder();
/** How often something was given, changed or taken back here. */
let moves = 0;

/** To be called when it is asked what the service counts, of boxes, too; what it returns is called with the answer. Where that
 * may lack what was given meanwhile, which is counted here already, the counts here stay, and `askAgain` is called once all of
 * it is on the disk. */
export function takerOfCounts(askAgain: () => Promise<unknown>): (view: Counted, folder: string) => void {
  const movesBefore = moves;
  const wereUnsaved = unsaved.peek() > 0;
  const isNewest = countsInOrder.asked();
  return (view, folder) => {
    if (folder !== theProject().labels || !isNewest()) return;
    const mayLackSome = wereUnsaved || moves !== movesBefore;
    const isNoneCounted = total.peek() === null || countedIn !== folder;
    if (!mayLackSome || isNoneCounted) count(view, folder);
    if (mayLackSome) void allSaved().then(() => orLater(askAgain));
  };
}

/** Counts are looked at now and then, too. */
async function orLater(askAgain: () => Promise<unknown>): Promise<void> {
  try {
    await askAgain();
  } catch (error) {
    if (!(error instanceof Problem) && !isAbort(error)) throw error;
  }
}

function count(view: Counted, folder: string): void {
  countedIn = folder;
  total.value = view.labels;
  elsewhere.value = view.not_in_pool ?? 0;
  totalApart.value = view.kept_apart ?? 0;
  counts.value = new Map(view.classes.map((one) => [one.class, one.labels]));
  keepMade(folder);
  const present = [...new Set([...counts.value.keys(), ...made])].filter(Boolean);
  const others = reordered(classOrder.value, present).filter((one) => !declaredNames.value.includes(one));
  reorder([...declaredNames.value, ...others]);
}

/** An answer was given, changed or taken back here: counted before the service has said so. */
export function move(from: Answer | null, to: Answer | null): void {
  moves++;
  const now = new Map(counts.value);
  for (const name of linesIn(from)) now.set(name, Math.max(0, (now.get(name) ?? 0) - 1));
  for (const name of linesIn(to)) now.set(name, (now.get(name) ?? 0) + 1);
  counts.value = now;
  total.value = (total.value ?? 0) + (to ? 1 : 0) - (from ? 1 : 0);
  giveKeys(to ?? []);
}

/** A box got a class here, or lost it: counted before the service has said so. */
export function moveBox(from: string | null, to: string | null): void {
  moves++;
  const now = new Map(counts.value);
  if (from) now.set(from, Math.max(0, (now.get(from) ?? 0) - 1));
  if (to) now.set(to, (now.get(to) ?? 0) + 1);
  counts.value = now;
  if (to) giveKeys([to]);
}

/** Images that boxes are finished on: counted before the service has said so. */
export function moveImages(by: number): void {
  moves++;
  total.value = (total.value ?? 0) + by;
}

/** Classes that are chosen here and on no disk yet; they keep their keys as long as the page is open. */
const made = new Set<string>();
let madeIn = "";

export function make(names: Answer): void {
  keepMade(theProject().labels);
  const fresh = names.filter((name) => !classOrder.value.includes(name));
  for (const name of fresh) made.add(name);
  giveKeys(names);
}

function keepMade(folder: string): void {
  if (madeIn !== folder) made.clear();
  madeIn = folder;
}

function giveKeys(names: Answer): void {
  const fresh = names.filter((name) => !classOrder.value.includes(name));
  if (!fresh.length) return;
  reorder(reordered(classOrder.value, [...classes.value, ...fresh]));
  void declareNew(fresh);
}

const linesIn = (answer: Answer | null): Answer => (answer && !answer.length ? [""] : (answer ?? []));

// --- colours --------------------------------------------------------------------------------------------------------

const HUES = [205, 28, 145, 340, 265, 50, 180, 0, 310, 95, 225, 75];

/** The same class has the same colour everywhere; the style sheet makes it light or dark. `saturation`: where one was said. */
export function toneOf(name: string, otherwise = 0): { hue: number; saturation: number | null } {
  const said = described.value.get(name)?.colour;
  if (said) return toneIn(said);
  const at = classOrder.value.indexOf(name);
  const index = at < 0 ? otherwise : at;
  return { hue: HUES[index] ?? (index * 137.5) % 360, saturation: null };
}
