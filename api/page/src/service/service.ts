// The one place that talks to the service. Addresses are relative: the page may be served under a prefix.

import { signal } from "@preact/signals";
import { words } from "../words";
import { inWords } from "../words/faults";
import type { FaultView, ProblemDocument } from "./types";

/** What the service said no with, or `unreachable` where it said nothing. Its message is in the language of who reads it. */
export class Problem extends Error {
  readonly code: string;
  /** As the service has it. */
  readonly detail: string;
  readonly faults: FaultView[];
  readonly retryable: boolean;

  constructor(document: ProblemDocument) {
    super(inWords(document));
    this.code = document.code;
    this.detail = document.detail;
    this.faults = document.errors ?? [];
    this.retryable = document.retryable ?? false;
  }
}

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

export interface Asked {
  body?: unknown;
  query?: Query;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Seconds after which no answer counts as the service being away. */
  patience?: number;
}

const NO_ANSWER_S = 30;
const GATEWAYS = [502, 503, 504]; // a proxy's word for a service that is away
const BUSY_TRIES = 3;

/** Resolves with an answer that is good, or 304. Raises Problem; an AbortError where `signal` says so. */
export async function ask(method: string, path: string, asked: Asked = {}, tries = BUSY_TRIES): Promise<Response> {
  const used = key.value;
  const answer = await send(method, path, asked, used);
  if (answer.ok || answer.status === 304) return answer;
  if (answer.status === 401) {
    await anotherKey(used);
    return ask(method, path, asked, tries);
  }
  if (answer.status === 429 && tries > 0) {
    await pause(Math.min(10, Number(answer.headers.get("Retry-After")) || 2));
    return ask(method, path, asked, tries - 1);
  }
  throw await problemIn(answer);
}

export async function get<T>(path: string, asked: Asked = {}): Promise<T> {
  return (await ask("GET", path, asked)).json();
}

export async function post<T>(path: string, body: unknown, asked: Asked = {}): Promise<T> {
  return (await ask("POST", path, { ...asked, body })).json();
}

export async function put<T>(path: string, body: unknown, asked: Asked = {}): Promise<T> {
  return (await ask("PUT", path, { ...asked, body })).json();
}

export async function remove(path: string): Promise<void> {
  await ask("DELETE", path);
}

/** Saves what is answered as a file: a link could not send the key. With a body, it is posted. Resolves with what was said
 * beside it. */
export async function download(
  path: string,
  accept: string,
  name: string,
  body?: unknown,
  patience?: number,
): Promise<Headers> {
  const how = { headers: { Accept: accept }, body, ...(patience && { patience }) };
  const answer = await ask(body === undefined ? "GET" : "POST", path, how);
  save(await answer.blob(), name);
  return answer.headers;
}

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function withQuery(path: string, query: Query = {}): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") parts.append(name, `${one}`);
  }
  return parts.size ? `${path}${path.includes("?") ? "&" : "?"}${parts}` : path;
}

export const pause = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000));

export const isAbort = (error: unknown) => error instanceof DOMException && error.name === "AbortError";

async function send(method: string, path: string, asked: Asked, key: string | null): Promise<Response> {
  const headers = { ...asked.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  const late = AbortSignal.timeout((asked.patience ?? NO_ANSWER_S) * 1000);
  const signal = asked.signal ? AbortSignal.any([asked.signal, late]) : late;
  try {
    return await fetch(withQuery(path, asked.query), {
      method,
      headers,
      body: asked.body === undefined ? null : JSON.stringify(asked.body),
      signal,
      cache: "If-None-Match" in headers ? "no-store" : "default",
    });
  } catch (error) {
    if (asked.signal?.aborted) throw new DOMException("The view was left.", "AbortError");
    if (error instanceof TypeError || late.aborted) throw unreachable();
    throw error;
  }
}

const unreachable = () => new Problem({ code: "unreachable", detail: words.connection.away, retryable: true });

async function problemIn(answer: Response): Promise<Problem> {
  if (answer.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    return new Problem(await answer.json());
  }
  return GATEWAYS.includes(answer.status)
    ? unreachable()
    : new Problem({ code: "http_error", detail: `HTTP ${answer.status}` });
}

/** What is amiss by `/readyz`; null where nobody answers. */
export async function amiss(): Promise<string[] | null> {
  try {
    const answer = await send("GET", "readyz", { patience: 5 }, null);
    if (answer.ok) return [];
    return answer.status === 503 ? ((await answer.json()) as { faults: string[] }).faults : null;
  } catch {
    return null;
  }
}

// --- the key --------------------------------------------------------------------------------------------------------

const KEY = "nextlabel.key";

/** Kept until the last tab of the page is closed: a new tab asks the others. */
export const key = signal<string | null>(sessionStorage.getItem(KEY));
/** Whether a person is being asked for a key. */
export const keyWanted = signal(false);

let waiting: { resolve: () => void; promise: Promise<void> } | null = null;
const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(KEY);

if (tabs) {
  tabs.onmessage = ({ data }) => {
    if (data === "?") key.value && tabs.postMessage(key.value);
    else if (!key.value) takeKey(data);
  };
}

/** All calls that lack a key wait for the same answer. */
function anotherKey(refused: string | null): Promise<void> {
  if (key.value !== refused) return Promise.resolve();
  if (!waiting) {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting = { promise, resolve };
    key.value = null;
    tabs?.postMessage("?");
    keyWanted.value = true;
  }
  return waiting.promise;
}

export async function isKeyKnown(given: string): Promise<boolean> {
  return (await send("GET", "capabilities", {}, given)).status !== 401;
}

export function takeKey(given: string): void {
  key.value = given;
  sessionStorage.setItem(KEY, given);
  keyWanted.value = false;
  waiting?.resolve();
  waiting = null;
}

export function forgetKey(): void {
  sessionStorage.removeItem(KEY);
  location.reload();
}
