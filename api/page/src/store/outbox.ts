// Labels on their way to the disk: one call after another, in the order in which they were given, and again until the
// service has taken them.

import { computed, signal } from "@preact/signals";
import { Problem, pause, post } from "../service/service";
import type { LabelGiven, LabelsWritten, TaskOfClasses } from "../service/types";
import { words } from "../words";
import { doubt } from "./connection";
import { tell } from "./notices";
import { signedBy } from "./person";
import { setProject, theProject, theTask } from "./project";

/** What became of labels: `otherwise` if other people's files contradict them, or say something else than what was seen. */
export type Outcome = "written" | "refused" | "otherwise";

interface Letter {
  task?: TaskOfClasses;
  path_to_labels: string;
  labels: LabelGiven[];
  keep_both: boolean;
  settle: boolean;
  versions: Readonly<Record<string, string>>;
  done: (outcome: Outcome) => void;
}

const AGAIN_S = [0.5, 1, 2];
const NO_ANSWER_S = 10;

const letters = signal<readonly Letter[]>([]);
/** Of how many images the labels are not on the disk yet. */
export const unsaved = computed(
  () => others.value + letters.value.reduce((sum, { labels }) => sum + new Set(labels.map(({ name }) => name)).size, 0),
);

let sending: Promise<void> = Promise.resolve();
const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("nextlabel.labels");

/** What to do with what other files say otherwise, which stays there: it is to be settled; or these labels are settled over it,
 * where it is what was seen, by its versions. */
export type Over = "both" | { settle: Readonly<Record<string, string>> };

/** Resolves once the labels are on the disk, or can't be. */
export function give(labels: LabelGiven[], over?: Over): Promise<Outcome> {
  return new Promise((done) => {
    const idle = !letters.value.length;
    const seen = typeof over === "object" ? over.settle : null;
    const how = { keep_both: over === "both", settle: seen !== null, versions: seen ?? {} };
    letters.value = [...letters.value, { path_to_labels: theProject().labels, labels, ...how, done, ...theTask() }];
    if (idle) sending = sendAll();
  });
}

/** Resolves when everything that was given is on the disk, or was refused. */
export const allSaved = () => Promise.allSettled([sending, ...othersSaved]);

const others = signal(0);
const othersSaved = new Set<Promise<unknown>>();

/** Counts an image whose labels are written in another way as not on the disk until then. */
export async function underWay(writing: Promise<unknown>): Promise<void> {
  othersSaved.add(writing);
  others.value = othersSaved.size;
  try {
    await writing;
  } finally {
    othersSaved.delete(writing);
    others.value = othersSaved.size;
  }
}

/** Tells other tabs that labels were written. */
export const tellTabs = (folder: string) => tabs?.postMessage(folder);

async function sendAll(): Promise<void> {
  for (let letter = letters.value[0]; letter; letter = letters.value[0]) {
    const outcome = await send(letter);
    letters.value = letters.value.slice(1);
    letter.done(outcome);
  }
}

async function send({ done: _, ...letter }: Letter): Promise<Outcome> {
  try {
    const written = await insist<LabelsWritten>("labels", { ...letter, ...signedBy() });
    if (written.person !== theProject().person) setProject({ person: written.person });
    tellTabs(letter.path_to_labels);
    return "written";
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (["labelled_otherwise", "labels_changed"].includes(error.code)) return "otherwise";
    tell(words.labels.notWritten(error.message), "bad");
    return "refused";
  }
}

/** Sends it again until it is written or refused. */
export async function insist<T>(path: string, body: object): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await post<T>(path, body, { patience: NO_ANSWER_S });
    } catch (error) {
      if (!(error instanceof Problem) || !error.retryable) throw error;
      if (error.code !== "unreachable") tell(words.labels.notYetWritten(error.message), "bad");
      doubt();
      await pause(AGAIN_S[tries] ?? 2);
    }
  }
}

/** Calls back when another tab has written labels into this project's folder. */
export function onWrittenElsewhere(changed: () => void, signal: AbortSignal): void {
  tabs?.addEventListener("message", ({ data }) => data === theProject().labels && changed(), { signal });
}

/** Leaving the page with labels that are not on the disk is asked about. */
export function guardUnsaved(): void {
  addEventListener("beforeunload", (event) => {
    if (unsaved.value) event.preventDefault();
  });
}
