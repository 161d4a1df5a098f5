// What this person is unsure of, and what they note about images: kept by the service beside the labels, and no labels.

import { signal } from "@preact/signals";
import { get, Problem } from "../service/service";
import type { Note, NotesView } from "../service/types";
import { words } from "../words";
import { tell } from "./notices";
import { insist, tellTabs, underWay } from "./outbox";
import { holder, signedBy } from "./person";
import { theProject } from "./project";
import { inOrder, oneAfterAnother } from "./turns";

export type Noted = Pick<Note, "unsure" | "text">;
type Said = ReadonlyMap<string, Noted>;
const NOTHING: Noted = { unsure: false, text: "" };

/** By the image's name; what nothing is said of isn't there. */
export const notes = signal<Said>(new Map());
/** The folder that they are of. */
let folder = "";

/** Notes on their way to the disk. */
interface Letter {
  folder: string;
  said: Said;
  before: Map<string, Noted>;
}
/** The oldest first. */
const letters = new Set<Letter>();
/** Of each look that waits for its answer: what that may not know. */
const unknownTo = new Set<Set<Letter>>();
const looks = inOrder();
const inTurn = oneAfterAnother();

export const noteOf = (name: string): Noted => notes.value.get(name) ?? NOTHING;

/** Looks them up. Nobody waits for it to label: what is wrong is told, and the page goes on without. */
export async function loadNotes(signal?: AbortSignal): Promise<void> {
  const { labels } = theProject();
  turnTo(labels);
  const isNewest = looks.asked();
  const unknown = new Set(letters);
  unknownTo.add(unknown);
  try {
    const view = await get<NotesView>("labels/notes", { query: { path_to_labels: labels, person: holder() }, signal });
    if (labels !== theProject().labels || !isNewest()) return;
    notes.value = new Map(view.notes.map(({ name, unsure, text }) => [name, { unsure, text }]));
    for (const letter of unknown) show(letter.said, letter.folder);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!error.retryable && error.code !== "path_not_found") tell(error.message, "bad");
  } finally {
    unknownTo.delete(unknown);
  }
}

/** Shown at once, and sent until it is on the disk. Resolves with whether it is. */
export function note(said: Said): Promise<boolean> {
  turnTo(theProject().labels);
  const letter = { folder, said, before: new Map([...said.keys()].map((name) => [name, noteOf(name)])) };
  for (const all of [letters, ...unknownTo]) all.add(letter);
  show(said, letter.folder);
  return inTurn(() => send(letter));
}

async function send(letter: Letter): Promise<boolean> {
  const body = {
    path_to_labels: letter.folder,
    notes: [...letter.said].map(([name, one]) => ({ name, ...one })),
    ...signedBy(),
  };
  try {
    await underWay(insist("labels/notes", body));
    tellTabs(letter.folder);
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    for (const all of [letters, ...unknownTo]) all.delete(letter);
    for (const [name, one] of letter.before) {
      const next = [...letters].find((later) => later.folder === letter.folder && later.said.has(name));
      next?.before.set(name, one); // else that would be taken back to what was refused
    }
    show(letter.before, letter.folder);
    for (const later of letters) show(later.said, later.folder);
    tell(words.notes.notWritten(error.message), "bad");
    return false;
  } finally {
    letters.delete(letter);
  }
}

function turnTo(labels: string): void {
  if (folder !== labels) notes.value = new Map();
  folder = labels;
}

/** Nothing, where another folder's notes are shown by now. */
function show(said: Said, of: string): void {
  if (of !== folder) return;
  const now = new Map(notes.peek());
  for (const [name, one] of said) {
    if (one.unsure || one.text) now.set(name, one);
    else now.delete(name);
  }
  notes.value = now;
}
