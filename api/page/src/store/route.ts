// Which view is shown, by the address: `#/label?project=...&job=...&image=...`. What it names can be opened elsewhere.

import { signal } from "@preact/signals";
import { project } from "./project";

export const VIEWS = ["label", "quality", "check", "map", "browse", "jobs", "setup"] as const;
export type View = (typeof VIEWS)[number] | "similar";

export interface Route {
  view: View;
  params: URLSearchParams;
}

export const route = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => {
  clearTimeout(noting?.timer);
  noting = null;
  route.value = parse(location.hash);
});

function parse(hash: string): Route {
  const [path = "", query = ""] = hash.slice(1).split("?");
  const name = path.replace(/^\//, "");
  const known = [...VIEWS, "similar"].find((one) => one === name) as View | undefined;
  return { view: known ?? "label", params: new URLSearchParams(query) };
}

/** In the project that is worked on, where it has a name. */
export const addressOf = (view: View, params: Record<string, string> = {}) => {
  const named = "job" in params ? null : project.value?.name; // a job says itself which folders it is about
  const query = new URLSearchParams({ ...(named && { project: named }), ...params });
  return query.size ? `#/${view}?${query}` : `#/${view}`;
};

export function go(view: View, params: Record<string, string> = {}): void {
  noteNow();
  location.hash = addressOf(view, params);
}

// --- what is looked at, in the address as it is ---------------------------------------------------------------------

const SETTLED_MS = 300; // browsers don't let an address change with every key
let noting: { params: Record<string, string>; timer: number } | null = null;

/** Says in the address what is looked at, soon, without a step of history: going back leads to it. */
export function noteInAddress(params: Record<string, string>): void {
  clearTimeout(noting?.timer);
  noting = { params, timer: setTimeout(noteNow, SETTLED_MS) as unknown as number };
}

function noteNow(): void {
  if (!noting) return;
  const { view, params } = parse(location.hash);
  for (const [name, value] of Object.entries(noting.params)) params.set(name, value);
  clearTimeout(noting.timer);
  noting = null;
  history.replaceState(null, "", `#/${view}?${params}`);
}

/** The whole address of what is shown, and what of it is looked at, for another browser. */
export function linkToHere(): string {
  noteNow();
  const { view, params } = parse(location.hash);
  const address = addressOf(view, Object.fromEntries(params)); // a view that was begun with has no project in its address
  return new URL(address, location.href).href;
}
