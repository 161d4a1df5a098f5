// What the service is asked, with the key if it wants one.

import { clear, dialog, h, tell } from "./dom.js";

const KEY = "nextlabel.key";
let key = sessionStorage.getItem(KEY);
let asking = null;

export const hasKey = () => key !== null;

/** What the service said no with: its problem document. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail);
    this.code = document.code;
    this.status = document.status ?? 0;
    this.faults = document.errors ?? [];
    this.retryable = document.retryable ?? false;
  }
}

const wait = (s) => new Promise((resolve) => setTimeout(resolve, s * 1000));

async function ask(method, path, { body, headers = {}, signal } = {}, patience = 3) {
  const sent = { ...headers };
  if (key) sent.Authorization = `Bearer ${key}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: headers["If-None-Match"] ? "no-store" : "default" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable", detail: "The service does not answer. Is it running?", retryable: true });
  }
  if (answer.ok || answer.status === 304) return answer;
  if (answer.status === 401) {
    await askForKey();
    return ask(method, path, { body, headers, signal }, patience);
  }
  if (answer.status === 429 && patience > 0) {
    await wait(Math.min(10, Number(answer.headers.get("Retry-After")) || 2));
    return ask(method, path, { body, headers, signal }, patience - 1);
  }
  const isProblem = (answer.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
  throw new Problem(isProblem ? await answer.json() : { code: "http_error", status: answer.status, detail: `HTTP ${answer.status}` });
}

export async function get(path, query = {}, options = {}) {
  return (await ask("GET", withQuery(path, query), options)).json();
}

export async function post(path, body, options = {}) {
  return (await ask("POST", path, { ...options, body })).json();
}

export async function forget(path) {
  await ask("DELETE", path);
}

export function withQuery(path, query) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") parts.append(name, one);
  }
  const text = parts.toString();
  return text ? `${path}?${text}` : path;
}

/** Saves an answer as a file: a link could not send the key. */
export async function download(path, accept, name) {
  const answer = await ask("GET", path, { headers: { Accept: accept } });
  const url = URL.createObjectURL(await answer.blob());
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// --- jobs -----------------------------------------------------------------------------------------------------------

export const ENDED = ["succeeded", "failed", "cancelled"];
export const hasEnded = (job) => ENDED.includes(job.state);

/** Calls `onChange(job)` now and whenever the job changes, until it has ended; resolves with it then. */
export async function follow(id, onChange, signal) {
  let etag = null, failures = 0;
  for (;;) {
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await ask("GET", withQuery(`/jobs/${id}`, { wait: etag ? 20 : null }), { headers, signal });
      failures = 0;
      if (answer.status === 304) continue;
      etag = answer.headers.get("ETag");
      const job = await answer.json();
      onChange(job);
      if (hasEnded(job)) return job;
    } catch (error) {
      if (!(error instanceof Problem) || !error.retryable) throw error;
      failures += 1;
      if (failures === 3) tell("The service does not answer; the page keeps trying. Jobs go on meanwhile.", "bad");
      await wait(Math.min(10, failures * 2));
    }
  }
}

/** A succeeded job's result, also when it is too large to stand in the job. */
export async function resultOf(job) {
  return job.result ?? get(job.result_url);
}

// --- images ---------------------------------------------------------------------------------------------------------

const imageUrl = (pool, name, side) => withQuery("/images", { path_to_img: pool, name, side });
const kept = new Map(); // URL -> blob URL, the oldest first
const MOST_KEPT = 600;

/** An <img> that is fetched when it comes into view. */
export function image(pool, name, side, given = {}) {
  const element = h("img", { alt: "", decoding: "async", loading: "lazy", draggable: "false", ...given });
  element.addEventListener("error", () => { element.closest(".frame")?.classList.add("broken"); });
  show(element, pool, name, side);
  return element;
}

/** Lets an <img> show an image of the pool, or another one than before. */
export function show(element, pool, name, side) {
  element.closest(".frame")?.classList.remove("broken");
  const url = imageUrl(pool, name, side);
  element.dataset.url = url;
  if (!key) element.src = url;
  else if (element.loading === "lazy") seen.observe(element);
  else showWithKey(element);
}

/** For a canvas or another large one: at once. */
export async function loaded(pool, name, side) {
  const url = imageUrl(pool, name, side);
  return key ? withKey(url) : url;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    seen.unobserve(entry.target);
    showWithKey(entry.target);
  }
}, { rootMargin: "400px" });

async function showWithKey(element) {
  const { url } = element.dataset;
  try {
    const blob = await withKey(url);
    if (element.dataset.url === url) element.src = blob;
  } catch {
    element.dispatchEvent(new Event("error"));
  }
}

async function withKey(url) {
  if (!kept.has(url)) {
    const blob = await (await ask("GET", url)).blob();
    if (!kept.has(url)) kept.set(url, URL.createObjectURL(blob));
    if (kept.size > MOST_KEPT) {
      const [oldest, dropped] = kept.entries().next().value;
      kept.delete(oldest);
      URL.revokeObjectURL(dropped);
    }
  }
  return kept.get(url);
}

// --- the key --------------------------------------------------------------------------------------------------------

/** Asks for the key until there is one that the service knows. All calls that lack one wait for the same answer. */
function askForKey() {
  asking ??= keyDialog().finally(() => { asking = null; });
  return asking;
}

async function keyDialog() {
  for (;;) {
    const given = await dialog("A key is needed", (close) => {
      const field = h("input", { type: "password", id: "key", autocomplete: "off", required: true, placeholder: "nl_…", autofocus: true });
      const fault = h("p", { class: "fault", role: "alert" });
      const form = h("form", { onsubmit: async (event) => {
        event.preventDefault();
        const answer = await fetch("/capabilities", { headers: { Authorization: `Bearer ${field.value.trim()}` } });
        if (answer.status === 401) clear(fault, "There is no such key here, or it was revoked.");
        else close(field.value.trim());
      } },
      h("p", { class: "prose", text: "This service asks who you are. Whoever runs it makes keys with `nextlabel keys create`. The page keeps yours until this tab is closed." }),
      h("label", { for: "key", text: "Your key" }), field, fault,
      h("div", { class: "row end" }, h("button", { class: "primary", text: "Use this key" })));
      return form;
    });
    if (given) {
      key = given;
      sessionStorage.setItem(KEY, key);
      for (const element of document.querySelectorAll("img[data-url]")) {
        element.closest(".frame")?.classList.remove("broken");
        showWithKey(element);
      }
      return;
    }
  }
}

export function dropKey() {
  key = null;
  sessionStorage.removeItem(KEY);
}
