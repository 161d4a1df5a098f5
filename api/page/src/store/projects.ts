// Projects by name: kept by the service, and so the same in every browser.

import { signal } from "@preact/signals";
import { get, post } from "../service/service";
import type { KeptProject, ProjectList } from "../service/types";
import { type Project, project, setProject } from "./project";

/** Null: not looked at yet. */
export const projects = signal<readonly KeptProject[] | null>(null);

/** Looks anew; the project that is worked on then has the name that it has by now, if any. */
export async function loadProjects(signal?: AbortSignal): Promise<readonly KeptProject[]> {
  return take(await get<ProjectList>("projects", { signal }));
}

/** Works on the project of that name. Resolves with whether there is one. */
export async function openProject(name: string, signal?: AbortSignal): Promise<boolean> {
  const found = (await loadProjects(signal)).find((one) => one.name === name);
  if (found) setProject({ person: "me", copies: false, ...project.value, ...asProject(found) });
  return found !== undefined;
}

/** Keeps a project under its name. `was`: the name that it had. */
export async function keepProject(wanted: Project & { name: string }, was: string | null): Promise<void> {
  const { name, pool, labels, valPool, valLabels, backbone, method, add, task, overlap } = wanted;
  const [path_to_img, path_to_labels, path_to_img_val, path_to_labels_val] = [pool, labels, valPool, valLabels];
  const folders = { path_to_img, path_to_labels, path_to_img_val, path_to_labels_val };
  const how = { backbone, method, add, task: task ?? "classification", overlap_share: overlap ?? 0 };
  take(await post<ProjectList>("projects", { name, ...folders, ...how, was }));
}

export async function renameProject(one: KeptProject, name: string): Promise<void> {
  const isOpen = project.value?.name === one.name;
  const kept = await post<ProjectList>("projects", { ...one, name, was: one.name });
  if (isOpen) setProject({ name: name.trim().normalize("NFC") });
  take(kept);
}

/** Its images and labels stay. */
export async function forgetProject(name: string): Promise<void> {
  take(await post<ProjectList>("projects/forget", { name }));
}

/** A name that no other folders have, of the last part of a path. */
export function freeName(pool: string, labels: string, kept: readonly KeptProject[]): string {
  const last = pool.replace(/\/+$/, "").split("/").pop() ?? "";
  const base =
    last
      .replace(/[\\:*?"<>|]/g, " ")
      .replace(/^[^\p{L}\p{N}]+|\s+$/gu, "")
      .slice(0, 60) || "photos";
  const isFree = (name: string) =>
    kept.every((one) => one.name !== name || (one.path_to_img === pool && one.path_to_labels === labels));
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base} ${n}`;
    if (isFree(name)) return name;
  }
}

function asProject(one: KeptProject): Omit<Project, "person"> {
  const { name, path_to_img: pool, path_to_labels: labels, backbone, method, add, task, overlap_share: overlap } = one;
  const { path_to_img_val: valPool, path_to_labels_val: valLabels } = one;
  return { name, pool, labels, valPool, valLabels, backbone, method, add, task, overlap };
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
