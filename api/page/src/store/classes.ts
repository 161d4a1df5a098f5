// The classes of the folder of labels. Of those that were declared everybody's page has the same keys, colours and words.

import { computed, signal } from "@preact/signals";
import { get, Problem, post, put } from "../service/service";
import type { ClassesView, ClassView, DeclaredClass } from "../service/types";
import { words } from "../words";
import { KEYS_OF_BOXES, keysOf, NONE_KEY } from "./keys";
import { tell } from "./notices";
import { classOrder, isBoxes, isSeveral, keptKeys, project, theProject, theTask } from "./project";
import { inOrder } from "./turns";

const NOTHING: ClassesView = { path_to_labels: "", version: "", classes: [] };

const loaded = signal({ folder: "", view: NOTHING });
const view = computed(() =>
  loaded.value.folder === project.value?.labels && !isBoxes() ? loaded.value.view : NOTHING,
);
const declared = computed(() => view.value.classes.filter((one) => one.declared));
/** The names of those that were declared, in order. */
export const declaredNames = computed(() => declared.value.map((one) => one.name));
/** Whoever labels has them in his fingers: a class that is declared has its key everywhere, any other keeps the one that it
 * has in this browser, whatever classes come to be; but where one is declared with that key, it gets the next free one. */
export const keys = computed(() =>
  keysOf(
    classOrder.value,
    isBoxes() ? KEYS_OF_BOXES : isSeveral() ? NONE_KEY : "",
    new Map(declared.value.map((one) => [one.name, one.key])),
    new Map(keptKeys.value),
  ),
);

/** Changes which classes there are, and keeps the keys of all. Those that another key was declared for are told. */
export function reorder(order: readonly string[]): void {
  if (!keptKeys.peek().length) keptKeys.value = [...keys.peek()]; // an older page kept the order alone
  const before = keptKeys.peek();
  if (order.join("\n") !== classOrder.peek().join("\n")) classOrder.value = [...order];
  const now = keys.peek();
  const moved = before.flatMap(([name, key]) => (now.has(name) && now.get(name) !== key ? [name] : []));
  if (JSON.stringify(before) !== JSON.stringify([...now])) keptKeys.value = [...now];
  for (const name of moved) tell(words.classes.keyChanged(name, now.get(name)!));
}
/** Of boxes none are listed: their classes have keys in this browser alone. */
export const listed = computed<ClassesView>(() => {
  const others = view.value.classes
    .filter((one) => !one.declared)
    .map((one) => ({ ...one, key: keys.value.get(one.name) ?? "" }))
    .sort((a, b) => classOrder.value.indexOf(a.name) - classOrder.value.indexOf(b.name));
  return { ...view.value, classes: [...declared.value, ...others] };
});
export const described = computed(() => new Map(listed.value.classes.map((one) => [one.name, one])));

const looks = inOrder();
const where = () => ({ path_to_labels: theProject().labels, ...theTask() });

export async function loadClasses(signal?: AbortSignal): Promise<void> {
  const folder = theProject().labels;
  const isNewest = looks.asked();
  const view = await get<ClassesView>("labels/classes", { query: where(), signal });
  if (isNewest()) loaded.value = { folder, view };
}

/** Writes down classes that were made here, where some are declared: else they come, and go, with the labels. */
export async function declareNew(names: readonly string[]): Promise<void> {
  if (isBoxes() || !declared.value.length) return;
  await add(names, keys.value).catch(() => {}); // they have keys here all the same
}

/** Adds classes to those that are there, whoever changed them meanwhile. Raises Problem. */
export async function add(names: readonly string[], said: ReadonlyMap<string, string> = new Map()): Promise<void> {
  const write = async () => {
    const fresh = names.filter((name) => !described.value.get(name)?.declared);
    const others = declared.value.filter((one) => !fresh.includes(one.name));
    if (fresh.length) await declare([...others, ...fresh.map((name) => ({ name, key: said.get(name) ?? "" }))]);
  };
  try {
    await write();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "classes_changed") throw error;
    await loadClasses();
    await write();
  }
}

/** Writes what is said of one class, which is declared then; all others stay as they are, and in everybody's fingers. Raises Problem. */
export async function declareOne(said: ClassView): Promise<void> {
  const changed = declared.value.map((one) => (one.name === said.name ? said : one));
  await declare(declaredNames.value.includes(said.name) ? changed : [...changed, said]);
}

/** Writes the classes that are declared, in order. Raises Problem: somebody else did meanwhile, a key stands twice, ... */
export async function declare(classes: readonly Partial<DeclaredClass>[]): Promise<void> {
  const said = classes.map(({ name, key, colour, description, example }) => ({
    name,
    key,
    colour,
    description,
    example,
  }));
  const body = { ...where(), classes: said, version: listed.value.version };
  const view = await put<ClassesView>("labels/classes", body);
  looks.overtake(); // what was asked before this was written is old
  loaded.value = { folder: body.path_to_labels, view };
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
