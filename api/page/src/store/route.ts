// Which view is shown, by the address: `#/label?job=...`.

import { signal } from "@preact/signals";

export const VIEWS = ["label", "quality", "check", "map", "browse", "jobs", "setup"] as const;
export type View = (typeof VIEWS)[number] | "similar";

export interface Route {
  view: View;
  params: URLSearchParams;
}

export const route = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

function parse(hash: string): Route {
  const [path = "", query = ""] = hash.slice(1).split("?");
  const name = path.replace(/^\//, "");
  const known = [...VIEWS, "similar"].find((one) => one === name) as View | undefined;
  return { view: known ?? "label", params: new URLSearchParams(query) };
}

export const addressOf = (view: View, params: Record<string, string> = {}) => {
  const query = new URLSearchParams(params);
  return query.size ? `#/${view}?${query}` : `#/${view}`;
};

export function go(view: View, params: Record<string, string> = {}): void {
  location.hash = addressOf(view, params);
}
