// Projects by name: kept by the service, and so the same in every browser.

import { signal } from "@preact/signals";
import { get, Problem, post } from "../service/service";
import type { KeptProject, ProjectList, Task } from "../service/types";
import { type Project, project, setProject } from "./project";
import { inOrder } from "./turns";

/** Null: not looked at yet. */
export const projects = signal<readonly KeptProject[] | null>(null);
const looks = inOrder();

/** Looks anew; the project that is worked on then has the name that it has by now, if any. */
export async function loadProjects(signal?: AbortSignal): Promise<readonly KeptProject[]> {
  const isNewest = looks.asked();
  const found = await get<ProjectList>("projects", { signal });
  return isNewest() ? take(found) : found.projects;
}

/** Works on the project of that name. Resolves with whether there is one. */
export async function openProject(name: string, signal?: AbortSignal): Promise<boolean> {
  const found = (await loadProjects(signal)).find((one) => one.name === name);
  if (found) setProject({ person: "me", copies: false, ...project.value, ...asProject(found) });
  return found !== undefined;
}

/** Keeps a project under its name. `was`: the name that it had. What another browser made of it meanwhile stays. */
export async function keepProject(wanted: Project & { name: string }, was: string | null): Promise<void> {
  const { name, pool, labels, valPool, valLabels, backbone, method, add, task, overlap } = wanted;
  const [path_to_img, path_to_labels, path_to_img_val, path_to_labels_val] = [pool, labels, valPool, valLabels];
  const folders = { path_to_img, path_to_labels, path_to_img_val, path_to_labels_val };
  const how = { backbone, method, add, task: task ?? "classification", overlap_share: overlap ?? 0 };
  const version = projects.value?.find((one) => one.name === was)?.version ?? "";
  takeChanged(await change({ name, ...folders, ...how, was, version }));
}

export async function renameProject(one: KeptProject, name: string): Promise<void> {
  const isOpen = project.value?.name === one.name;
  const kept = await change({ ...one, name, was: one.name });
  if (isOpen) setProject({ name: name.trim().normalize("NFC") });
  takeChanged(kept);
}

/** Its images and labels stay. */
export async function forgetProject(name: string): Promise<void> {
  takeChanged(await post<ProjectList>("projects/forget", { name }));
}

/** A name that no other folders or task have, of the last part of a path. */
export function freeName(pool: string, labels: string, task: Task, kept: readonly KeptProject[]): string {
  const last = pool.replace(/\/+$/, "").split("/").pop() ?? "";
  const base =
    last
      .replace(/[\\:*?"<>|]/g, " ")
      .replace(/^[^\p{L}\p{N}]+|\s+$/gu, "")
      .slice(0, 60) || "photos";
  const isFree = (name: string) =>
    kept.every(
      (one) => one.name !== name || (one.path_to_img === pool && one.path_to_labels === labels && one.task === task),
    );
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base} ${n}`;
    if (isFree(name)) return name;
  }
}

/** Where it was changed elsewhere meanwhile, what it is by now is there when it is tried again. */
async function change(wanted: KeptProject & { was: string | null }): Promise<ProjectList> {
  try {
    return await post<ProjectList>("projects", wanted);
  } catch (error) {
    if (error instanceof Problem && error.code === "project_changed") await loadProjects();
    throw error;
  }
}

function asProject(one: KeptProject): Omit<Project, "person"> {
  const { name, path_to_img: pool, path_to_labels: labels, backbone, method, add, task, overlap_share: overlap } = one;
  const { path_to_img_val: valPool, path_to_labels_val: valLabels } = one;
  return { name, pool, labels, valPool, valLabels, backbone, method, add, task, overlap };
}

/** What was asked before a change was answered is old. */
function takeChanged(list: ProjectList): void {
  looks.overtake();
  take(list);
}

/** What is kept under a name holds for every browser. */
function take({ projects: kept }: ProjectList): readonly KeptProject[] {
  projects.value = kept;
  const now = project.value;
  if (!now) return kept;
  const isHere = (one: KeptProject) => one.path_to_img === now.pool && one.path_to_labels === now.labels;
  const same = kept.filter(isHere);
  const found = same.find((one) => one.name === now.name) ?? same[0];
  if (found) setProject(asProject(found));
  else if (now.name) setProject({ name: undefined });
  return kept;
}
