// For component tests: what jsdom lacks, a service that answers as told, and before each test an empty page that was left by none.

import { cleanup, configure } from "@testing-library/preact";
import { options } from "preact";
import { afterEach, beforeEach, vi } from "vitest";

configure({ asyncUtilTimeout: 10_000 }); // a busy machine is no failure

// Preact else waits for a frame, or 35 ms, and calls `cancelAnimationFrame` after: by then a file may be over, and jsdom gone.
options.requestAnimationFrame = (effects) => setTimeout(effects);

type Answer = (path: string, body: unknown, headers: Headers) => unknown;

/** What the service answers, by the beginning of the address. A `Response` goes as it is, all else as JSON. */
export const service = new Map<string, Answer>();
/** What it was asked: "POST labels", with the body. */
export const asked: { what: string; body: unknown }[] = [];

export const problem = (status: number, code: string, detail: string, more = {}) =>
  new Response(JSON.stringify({ code, detail, status, ...more }), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });

async function answer(path: string, init: RequestInit = {}): Promise<Response> {
  const body = init.body ? JSON.parse(String(init.body)) : undefined;
  const what = `${init.method ?? "GET"} ${path}`;
  asked.push({ what, body });
  const [, found] = [...service].find(([start]) => what.startsWith(start)) ?? [];
  if (!found) throw new TypeError("nobody is there");
  const given = await found(path, body, new Headers(init.headers));
  return given instanceof Response ? given : Response.json(given);
}

beforeEach(() => {
  service.clear();
  asked.length = 0;
  localStorage.clear();
  sessionStorage.clear();
  vi.stubGlobal("fetch", answer);
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
});
afterEach(() => {
  cleanup();
  history.replaceState(null, "", location.pathname);
  document.documentElement.removeAttribute("lang");
});

export const aProject = {
  pool: "/data/pool",
  labels: "/data/labels",
  valPool: "",
  valLabels: "",
  backbone: "descriptor",
  method: "auto",
  add: 8,
  person: "me",
};

/** What answers when it is let go: a question that is held back, as on a slow network. */
export function held(answer: unknown) {
  let letGo = () => {};
  const promise = new Promise((resolve) => {
    letGo = () => resolve(answer);
  });
  return { answer: () => promise.then((one) => (one instanceof Response ? one.clone() : one)), letGo };
}

/** Lets everything that waits for an answer go on. */
export const settle = () => vi.waitFor(async () => new Promise((resolve) => setTimeout(resolve, 20)));

/** The labels in what was asked. */
export const labelsIn = (body: unknown) => (body as { labels: { name: string; class: string | null }[] }).labels;
