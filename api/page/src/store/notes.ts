// What this person is unsure of, and what they note about images: kept by the service beside the labels, and no labels.

import { signal } from "@preact/signals";
import { get, Problem } from "../service/service";
import type { Note, NotesView } from "../service/types";
import { words } from "../words";
import { holder, signedBy } from "./labels";
import { tell } from "./notices";
import { insist, tellTabs, underWay } from "./outbox";
import { theProject } from "./project";

export type Noted = Pick<Note, "unsure" | "text">;
const NOTHING: Noted = { unsure: false, text: "" };

/** By the image's name; what nothing is said of isn't there. */
export const notes = signal<ReadonlyMap<string, Noted>>(new Map());
let folder = "";
let last: Promise<unknown> = Promise.resolve();

export const noteOf = (name: string): Noted => notes.value.get(name) ?? NOTHING;

/** Looks them up. Nobody waits for it to label: what is wrong is told, and the page goes on without. */
export async function loadNotes(signal?: AbortSignal): Promise<void> {
  const { labels } = theProject();
  if (folder !== labels) notes.value = new Map();
  folder = labels;
  try {
    take(await get<NotesView>("labels/notes", { query: { path_to_labels: labels, person: holder() }, signal }));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!error.retryable && error.code !== "path_not_found") tell(error.message, "bad");
  }
}

/** Shown at once, and sent until it is on the disk. Resolves with whether it is. */
export function note(given: ReadonlyMap<string, Noted>): Promise<boolean> {
  const before = new Map([...given.keys()].map((name) => [name, noteOf(name)]));
  show(given);
  const writing = last.then(() => write(given, before));
  last = writing;
  return writing;
}

async function write(given: ReadonlyMap<string, Noted>, before: ReadonlyMap<string, Noted>): Promise<boolean> {
  const { labels } = theProject();
  const body = { path_to_labels: labels, notes: [...given].map(([name, one]) => ({ name, ...one })), ...signedBy() };
  try {
    await underWay(insist("labels/notes", body));
    tellTabs(labels);
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(before);
    tell(words.notes.notWritten(error.message), "bad");
    return false;
  }
}

function take(view: NotesView): void {
  notes.value = new Map(view.notes.map(({ name, unsure, text }) => [name, { unsure, text }]));
}

function show(given: ReadonlyMap<string, Noted>): void {
  const now = new Map(notes.peek());
  for (const [name, one] of given) {
    if (one.unsure || one.text) now.set(name, one);
    else now.delete(name);
  }
  notes.value = now;
}
