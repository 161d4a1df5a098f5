// From a filled-in form to the first batch. All that is wrong is found before anything is made.

import { get, key, Problem, post, type Query } from "../service/service";
import type { BoxesView, BoxesWritten, Folder, Job, LabelsView, LabelsWritten, Task } from "../service/types";
import { WITHIN_S } from "../store/ahead";
import { total } from "../store/labels";
import { tell } from "../store/notices";
import { type Project, project, setLastJob, setProject } from "../store/project";
import { forgetProject, freeName, keepProject, loadProjects } from "../store/projects";
import { go } from "../store/route";
import { words } from "../words";
import { inWords } from "../words/faults";

/** By field, in words; `other` belongs to none. */
export type Faults = Partial<Record<keyof Project | "other", string>>;

const FIELDS: Record<string, keyof Project> = {
  name: "name",
  path_to_img: "pool",
  path_to_labels: "labels",
  path_to_img_val: "valPool",
  path_to_labels_val: "valLabels",
  add: "add",
  overlap: "overlap",
  overlap_share: "overlap",
  backbone: "backbone",
  method: "method",
  task: "task",
  person: "person",
};
const PERSON = /^[^\W_]|^\p{L}|^\p{N}/u;
const faults = words.setup.faults;

/** What names a person's file: spaces can't stand there. */
export const fileNameOf = (person: string) => person.trim().normalize("NFC").replace(/\s+/g, "_");
export const fileOf = (person: string, task?: Task) =>
  task === "detection" ? `boxes-${fileNameOf(person)}.jsonl` : `${fileNameOf(person)}.txt`;

/** Resolves with what is wrong; with nothing once the first batch is being chosen. */
export async function begin(given: Project): Promise<Faults> {
  const wanted: Project = { ...given };
  for (const field of ["pool", "labels", "valPool", "valLabels"] as const) wanted[field] = given[field].trim();
  wanted.person = fileNameOf(given.person) || "me";
  const found = { ...untold(wanted), ...(await unfit(wanted)) };
  if (Object.keys(found).length) return found;
  try {
    await start(wanted);
    return {};
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return toldOf(error);
  }
}

/** Whether these are other folders than those of the project that is open: another project, then. */
export const isOther = ({ pool, labels }: Project) =>
  pool.trim() !== project.value?.pool || labels.trim() !== project.value?.labels;

/** What needs no service to be seen. */
function untold({ pool, labels, valPool, valLabels, add, person, overlap = 0 }: Project): Faults {
  const found: Faults = {};
  if (!pool) found.pool = faults.pool;
  if (!labels) found.labels = faults.labels;
  if (!key.value && !isName(person)) found.person = faults.person;
  if (!(add >= 1 && add <= 1000)) found.add = faults.add;
  if (!(overlap >= 0 && overlap <= 1)) found.overlap = faults.overlap;
  if (!valPool !== !valLabels) found[valPool ? "valLabels" : "valPool"] = faults.bothValidation;
  return found;
}

/** What the labels there say that a label is, and on how many images; null where they don't tell. */
export async function taskIn(labels: string): Promise<{ task: Task; images: number } | null> {
  const path = labels.replace(/\/+$/, "");
  const above = path.replace(/\/[^/]*$/, "");
  if (!above) return null;
  try {
    const { folders } = await get<Folder>("folders", { query: { path: above } });
    if (!folders.includes(path)) return null;
    const drawn = await get<BoxesView>("labels/boxes", { query: { path_to_labels: path } });
    if (drawn.labels + drawn.unfinished) return { task: "detection", images: drawn.labels + drawn.unfinished };
    const { several } = await get<LabelsView>("labels", { query: { path_to_labels: path, task: "multilabel" } });
    return several ? { task: "multilabel", images: several } : null;
  } catch (error) {
    if (error instanceof Problem) return null; // no such folder yet, or nothing to read: told when it is submitted
    throw error;
  }
}

/** As the service has it: a letter or digit, then up to 63 letters, digits and any of . _ @ - */
export const isName = (person: string) => PERSON.test(person) && /^[\p{L}\p{N}\p{M}_.@-]{1,64}$/u.test(person);

/** What the service says of the folders that must be there. */
async function unfit({ pool, valPool, valLabels, task }: Project): Promise<Faults> {
  const found: Faults = {};
  const check = async (field: keyof Project, path: string, query: Query) => {
    try {
      await get(path, { query });
    } catch (error) {
      if (!(error instanceof Problem) || error.code === "unreachable") throw error;
      found[field] = error.message;
    }
  };
  await Promise.all([
    pool && check("pool", "folders", { path: pool }),
    valPool && check("valPool", "folders", { path: valPool }),
    valLabels &&
      (task === "detection"
        ? check("valLabels", "labels/boxes", { path_to_labels: valLabels })
        : check("valLabels", "labels", { path_to_labels: valLabels, task })),
  ]);
  return found;
}

async function start(wanted: Project): Promise<void> {
  const { pool, labels, backbone, method, add, person, task = "classification" } = wanted;
  const who = key.value ? {} : { person };
  const isBoxes = task === "detection";
  const nothing = isBoxes
    ? post<BoxesWritten>("labels/boxes", { path_to_img: pool, path_to_labels: labels, images: [], ...who })
    : post<LabelsWritten>("labels", { path_to_labels: labels, labels: [], task, ...who });
  const made = await nothing.catch((error) => {
    throw error instanceof Problem && !error.faults.length ? inField("/path_to_labels", error) : error;
  });
  const places = { path_to_img: pool, path_to_labels: made.path_to_labels };
  const looks = isBoxes ? {} : { backbone, within_s: WITHIN_S };
  const twice = wanted.overlap && !isBoxes ? { overlap: 2, overlap_share: wanted.overlap } : {};
  const kept = await loadProjects();
  const name = wanted.name?.trim().normalize("NFC") || freeName(pool, made.path_to_labels, task, kept);
  await keepProject(
    { ...wanted, labels: made.path_to_labels, name },
    isOther(wanted) ? null : (project.value?.name ?? null),
  );
  const request = { kind: "selection", ...looks, ...twice, method, add, task, person: made.person, ...places };
  const job = await post<Job>("jobs", request).catch(async (error) => {
    // what is corrected then may have its name
    if (kept.every((one) => one.name !== name)) await forgetProject(name).catch(() => {});
    throw error;
  });
  setProject({ ...wanted, name, labels: made.path_to_labels, pool, person: made.person });
  total.value = null;
  setLastJob("selection", job.id);
  tell(words.setup.beingChosen);
  go("label");
}

const inField = (pointer: string, { code, detail }: Problem) =>
  new Problem({ code, detail, errors: [{ pointer, code, detail }] });

function toldOf(error: Problem): Faults {
  if (!error.faults.length) return { other: error.message };
  const found: Faults = {};
  for (const one of error.faults) found[FIELDS[one.pointer.slice(1)] ?? "other"] = inWords(one);
  return found;
}
