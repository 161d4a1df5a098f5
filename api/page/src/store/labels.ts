// The labels in the project's folder: how many of each class, which key each class has, and what was given just now.

import { computed, signal } from "@preact/signals";
import { ask, key } from "../service/service";
import type { LabelsView, OneLabel } from "../service/types";
import { keysOf, reordered } from "./keys";
import { classOrder, theProject } from "./project";

const LOOKED_UP = 100; // names in one address

export const total = signal<number | null>(null);
export const counts = signal<ReadonlyMap<string, number>>(new Map());
export const keys = computed(() => keysOf(classOrder.value));
export const classes = computed(() => classOrder.value.filter(Boolean));
export const classByKey = computed(() => new Map([...keys.value].map(([name, pressed]) => [pressed, name])));

let seen: { folder: string; etag: string | null } = { folder: "", etag: null };

/** Counts anew, and finds which of the names have a label by now, whoever gave it. */
export async function load(names: readonly string[], signal?: AbortSignal): Promise<Map<string, OneLabel>> {
  return (await look(names, {}, signal)) ?? new Map();
}

/** The same, but null where no labels file has changed since. */
export function loadIfChanged(names: readonly string[], signal?: AbortSignal): Promise<Map<string, OneLabel> | null> {
  const known = seen.folder === theProject().labels && seen.etag ? { "If-None-Match": seen.etag } : {};
  return look(names, known, signal);
}

async function look(names: readonly string[], headers: Record<string, string>, signal?: AbortSignal) {
  const folder = theProject().labels;
  const given = new Map<string, OneLabel>();
  const part = async (at: number) => {
    const query = { path_to_labels: folder, of: names.slice(at, at + LOOKED_UP) };
    const answer = await ask("GET", "labels", { query, signal, headers: at ? {} : headers });
    if (answer.status === 304) return false;
    const view = (await answer.json()) as LabelsView;
    for (const one of view.names ?? []) given.set(one.name, one);
    if (at === 0 && folder === theProject().labels) count(view, { folder, etag: answer.headers.get("ETag") });
    return true;
  };
  if (!(await part(0))) return null;
  const rest = Array.from({ length: Math.ceil(names.length / LOOKED_UP) - 1 }, (_, index) => index + 1);
  await Promise.all(rest.map((index) => part(index * LOOKED_UP)));
  return given;
}

function count(view: LabelsView, now: typeof seen): void {
  seen = now;
  total.value = view.labels;
  counts.value = new Map(view.classes.map((one) => [one.class, one.labels]));
  const order = reordered(classOrder.value, [...counts.value.keys()]);
  if (order.join("\n") !== classOrder.value.join("\n")) classOrder.value = order;
}

/** A label was given, changed or taken back here: counted before the service has said so. */
export function move(from: string | null, to: string | null): void {
  if (from === to) return;
  const now = new Map(counts.value);
  if (from) now.set(from, Math.max(0, (now.get(from) ?? 0) - 1));
  if (to) now.set(to, (now.get(to) ?? 0) + 1);
  counts.value = now;
  total.value = (total.value ?? 0) + (to ? 1 : 0) - (from ? 1 : 0);
  if (to && !classOrder.value.includes(to)) classOrder.value = reordered(classOrder.value, [...classes.value, to]);
}

// --- colours --------------------------------------------------------------------------------------------------------

const HUES = [205, 28, 145, 340, 265, 50, 180, 0, 310, 95, 225, 75];

/** The same class has the same colour everywhere; the style sheet makes it light or dark. */
export function hueOf(name: string, otherwise = 0): number {
  const at = classOrder.value.indexOf(name);
  const index = at < 0 ? otherwise : at;
  return HUES[index] ?? (index * 137.5) % 360;
}

/** Whose labels these are: a key says so itself. */
export const signedBy = () => (key.value ? {} : { person: theProject().person });

/** Who gets a batch: a key's owner is "me", whoever that is. */
export const holder = () => (key.value ? "me" : theProject().person || "me");
