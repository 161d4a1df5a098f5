// What a person works on: kept in this browser, so that the page opens where it was left.

import { signal } from "@preact/signals";
import type { Job, Kind, OneLabel, Task, TaskOfClasses } from "../service/types";
import { Memory, read, write } from "./memory";

export interface Project {
  /** Under which the service keeps it; undefined where it does not. */
  name?: string | undefined;
  pool: string;
  labels: string;
  valPool: string;
  valLabels: string;
  backbone: string;
  method: string;
  add: number;
  person: string;
  /** What a label is: one class an image, several, or boxes. One, where a project was set up before it was asked. */
  task?: Task;
  /** The share of images that a second person is to label, too: 0 to 1. */
  overlap?: number;
  /** Whether near-copies get the same label. */
  copies?: boolean;
}

const PROJECT = "nextlabel.project";

export const project = signal<Project | null>(read<Project | null>(PROJECT, null));

export function setProject(changed: Partial<Project>): void {
  project.value = { ...(project.value ?? ({} as Project)), ...changed };
  write(PROJECT, project.value);
}

/** For views that are not shown without one. */
export function theProject(): Project {
  if (!project.value) throw new Error("no project is set up");
  return project.value;
}

/** Whether an image may have several classes, or none. */
export const isSeveral = () => project.value?.task === "multilabel";

/** Whether labels are boxes. */
export const isBoxes = () => project.value?.task === "detection";

/** What requests about labels of classes say of that; the service takes one class an image where nothing is said. */
export const theTask = (): { task?: TaskOfClasses } => (isSeveral() ? { task: "multilabel" } : {});

/** The same of any task. */
export const whatALabelIs = (): { task?: Task } => (isBoxes() ? { task: "detection" } : theTask());

// --- what belongs to one pool and its labels ------------------------------------------------------------------------

const of = (what: string) => () => `nextlabel.${what}:${project.value?.pool}\n${project.value?.labels}`;

/** The newest job of each kind that was started here. */
const jobs = new Memory<Partial<Record<Kind, string>>>(of("jobs"), {});
export const lastJob = (kind: Kind) => jobs.value[kind] ?? null;
export function setLastJob(kind: Kind, id: string): void {
  jobs.value = { ...jobs.value, [kind]: id };
}

/** Backbones by which the whole pool is known to be embedded. */
export const embedded = new Memory<string[]>(of("embedded"), []);

/** Names that are not to be shown again. */
export const skipped = new Memory<string[]>(of("skipped"), []);
export function setSkipped(name: string, yes: boolean): void {
  const others = skipped.value.filter((one) => one !== name);
  skipped.value = yes ? [...others, name] : others;
}

/** Labels that a person has looked at and found right: `name<TAB>class`, and what is doubted where there are several. */
export const keptLabels = new Memory<string[]>(of("kept"), []);

/** The file of a detector's boxes that labels are held against. */
export const predictionsOf = new Memory<string>(of("predictions"), "");

/** Classes in the order of their keys; an empty string keeps the key of a class that is gone for the next new one. */
export const classOrder = new Memory<string[]>(of("classes"), []);

/** Classes and the keys that they have had here: no class that comes to be takes one. */
export const keptKeys = new Memory<(readonly [name: string, key: string])[]>(of("keys"), []);

/** Labels of others that a person sees otherwise and has left for now; classes in words. */
export interface Dispute {
  theirs: OneLabel;
  mine: string;
  /** Of the person; `mine` alone where it is not said. */
  answer?: readonly string[];
}
export const disputes = new Memory<Dispute[]>(of("disputes"), []);
export function dispute(one: Dispute): void {
  disputes.value = [...disputes.value.filter(({ theirs }) => theirs.name !== one.theirs.name), one];
}
export function settled(name: string): void {
  disputes.value = disputes.value.filter(({ theirs }) => theirs.name !== name);
}

// --- requests -------------------------------------------------------------------------------------------------------

/** What kinds that work on one labelled set are asked with. */
export function onePool() {
  const { pool, labels, backbone } = theProject();
  const places = { path_to_img: pool, path_to_labels: labels };
  return isBoxes() ? { ...places, task: "detection" as const } : { backbone, ...places, ...theTask() };
}

/** What a batch is asked with of second opinions: some images are to be labelled by two people. */
export function overlapping() {
  const { overlap = 0 } = theProject();
  return overlap && !isBoxes() ? { overlap: 2, overlap_share: overlap } : {};
}

/** What kinds are asked with that look at whole images, and need no labels. */
export function imagesOf() {
  const { pool, backbone } = theProject();
  return isBoxes() ? { backbone, path_to_img: pool } : onePool();
}

/** What kinds are asked with that look at boxes by a backbone; by the detector of the batch, where there is one. */
export const ofBoxes = () => ({ ...onePool(), backbone: theProject().backbone, warm: true });

/** What looks at the project's images, by its name: a backbone, or the detector of boxes. */
export const looksAtThem = () => (isBoxes() ? "yolox_nano" : theProject().backbone);

export function validated() {
  const { valPool, valLabels } = theProject();
  return valPool && valLabels ? { path_to_img_val: valPool, path_to_labels_val: valLabels } : {};
}

const TASKS: Task[] = ["classification", "multilabel", "detection"];

/** Makes a job's folders the project. Returns whether that changed anything. */
export function workOn(job: Job): boolean {
  const asked = job.request as Record<string, string | undefined>;
  const pool = asked.path_to_img ?? asked.path_to_img_train;
  const labels = asked.path_to_labels ?? asked.path_to_labels_train;
  const now = project.value;
  if (!pool || !labels || (now?.pool === pool && now.labels === labels)) return false;
  const { backbone = now?.backbone ?? "", path_to_img_val: valPool = "", path_to_labels_val: valLabels = "" } = asked;
  const task = TASKS.find((one) => one === asked.task) ?? "classification";
  setProject({
    method: "auto",
    add: 20,
    person: "me",
    ...now,
    name: undefined,
    pool,
    labels,
    backbone,
    valPool,
    valLabels,
    task,
  });
  return true;
}
