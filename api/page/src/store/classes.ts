// The classes of the folder of labels as the service lists them: the same keys, colours and words on everybody's page.

import { computed, signal } from "@preact/signals";
import { get, Problem, post, put } from "../service/service";
import type { ClassesView, DeclaredClass } from "../service/types";
import { isBoxes, project, theProject, theTask } from "./project";

const NOTHING: ClassesView = { path_to_labels: "", version: "", classes: [] };

const loaded = signal({ folder: "", view: NOTHING });
/** Of boxes none are listed: their classes have keys in this browser alone. */
export const listed = computed(() =>
  loaded.value.folder === project.value?.labels && !isBoxes() ? loaded.value.view : NOTHING,
);
export const described = computed(() => new Map(listed.value.classes.map((one) => [one.name, one])));
export const keysSaid = computed(() => new Map(listed.value.classes.map((one) => [one.name, one.key])));

const where = () => ({ path_to_labels: theProject().labels, ...theTask() });

export async function loadClasses(signal?: AbortSignal): Promise<void> {
  const folder = theProject().labels;
  const view = await get<ClassesView>("labels/classes", { query: where(), signal });
  loaded.value = { folder, view };
}

/** Writes down classes that were made here, and the keys that all have, so that everybody's page has the same. */
export async function declareNew(names: readonly string[], keys: ReadonlyMap<string, string>): Promise<void> {
  if (isBoxes()) return;
  await add(names, keys).catch(() => {}); // they have keys here all the same
}

/** Adds classes to those that are there, whoever changed them meanwhile. Raises Problem. */
export async function add(names: readonly string[], keys: ReadonlyMap<string, string> = new Map()): Promise<void> {
  const write = async () => {
    const fresh = names.filter((name) => !described.value.get(name)?.declared);
    const others = listed.value.classes.filter((one) => !fresh.includes(one.name));
    if (fresh.length) await declare([...others, ...fresh.map((name) => ({ name, key: keys.get(name) ?? "" }))]);
  };
  try {
    await write();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "classes_changed") throw error;
    await loadClasses();
    await write();
  }
}

/** Writes all classes, in order. Raises Problem: somebody else did meanwhile, a key stands twice, ... */
export async function declare(classes: readonly Partial<DeclaredClass>[]): Promise<void> {
  const said = classes.map(({ name, key, colour, description, example }) => ({
    name,
    key,
    colour,
    description,
    example,
  }));
  const body = { ...where(), classes: said, version: listed.value.version };
  loaded.value = { folder: body.path_to_labels, view: await put<ClassesView>("labels/classes", body) };
}

/** Gives all labels of a class another one, or none. Raises Problem, with a fault of `/to` where there is such a class. */
export async function change(name: string, to: string | null, merge = false): Promise<void> {
  await post("labels/classes/change", { path_to_labels: theProject().labels, class: name, to, merge });
  await loadClasses();
}

/** Takes the last such change back. */
export async function undoChange(): Promise<void> {
  await post("labels/classes/undo", { path_to_labels: theProject().labels });
  await loadClasses();
}
