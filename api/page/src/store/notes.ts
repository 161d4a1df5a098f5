// What this person is unsure of, and what they note about images: kept by the service beside the labels, and no labels.

import { signal } from "@preact/signals";
import { get, Problem } from "../service/service";
import type { Note, NotesView } from "../service/types";
import { words } from "../words";
import { tell } from "./notices";
import { insist, tellTabs, underWay } from "./outbox";
import { holder, signedBy } from "./person";
import { theProject } from "./project";

export type Noted = Pick<Note, "unsure" | "text">;
const NOTHING: Noted = { unsure: false, text: "" };

/** By the image's name; what nothing is said of isn't there. */
export const notes = signal<ReadonlyMap<string, Noted>>(new Map());
let folder = "";
let last: Promise<unknown> = Promise.resolve();
/** The names of all that was noted here, and how many of these times are on the disk, or refused. */
const given: string[][] = [];
let written = 0;

export const noteOf = (name: string): Noted => notes.value.get(name) ?? NOTHING;

/** Looks them up. Nobody waits for it to label: what is wrong is told, and the page goes on without. */
export async function loadNotes(signal?: AbortSignal): Promise<void> {
  const { labels } = theProject();
  if (folder !== labels) notes.value = new Map();
  folder = labels;
  const from = written;
  try {
    const view = await get<NotesView>("labels/notes", { query: { path_to_labels: labels, person: holder() }, signal });
    if (labels === theProject().labels) take(view, given.slice(from).flat());
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!error.retryable && error.code !== "path_not_found") tell(error.message, "bad");
  }
}

/** Shown at once, and sent until it is on the disk. Resolves with whether it is. */
export function note(said: ReadonlyMap<string, Noted>): Promise<boolean> {
  const before = new Map([...said.keys()].map((name) => [name, noteOf(name)]));
  given.push([...said.keys()]);
  show(said);
  const writing = last.then(() => write(said, before)).finally(() => written++);
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

/** `here`: names of what was noted here meanwhile, which the answer may not know. */
function take(view: NotesView, here: readonly string[]): void {
  const newer = new Map(here.map((name) => [name, noteOf(name)]));
  notes.value = new Map(view.notes.map(({ name, unsure, text }) => [name, { unsure, text }]));
  show(newer);
}

function show(given: ReadonlyMap<string, Noted>): void {
  const now = new Map(notes.peek());
  for (const [name, one] of given) {
    if (one.unsure || one.text) now.set(name, one);
    else now.delete(name);
  }
  notes.value = now;
}
