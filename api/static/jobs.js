// Jobs as a person sees them: started, followed, cancelled, told about.

import { follow, get, hasEnded, post, Problem } from "./api.js";
import { clear, h, number, say, seconds, tell } from "./dom.js";
import { setLastJob } from "./project.js";

let questions = null;

/** What the service says of each kind of job, by its name: title, question, tasks, stages. Asked for once. */
export function kinds() {
  questions ??= get("/capabilities").then((able) => able.questions).catch((error) => { questions = null; throw error; });
  return questions;
}

export const titleOf = (kind, known) => known[kind]?.title ?? kind.replaceAll("_", " ");
const STAGES = { read: "reading the folder", embed: "looking at the images", train: "learning from the labels", prepare: "preparing", choose: "choosing", predict: "predicting", score: "scoring" };
export const STATES = { queued: "waiting", running: "running", cancelling: "stopping", succeeded: "done", failed: "failed", cancelled: "cancelled" };

export const stageOf = (progress) => STAGES[progress.stage] ?? progress.stage.replaceAll("_", " ");

/** Of the stage it is in; null where nobody knows. */
export const share = (progress) => (progress?.total ? Math.min(1, progress.done / progress.total) : null);

export function progressWords(job) {
  if (job.state === "queued") return job.last_interruption ? "waiting to go on" : "waiting for a worker";
  const { progress } = job;
  if (!progress) return STATES[job.state];
  const counted = progress.total ? `${number(progress.done)} of ${number(progress.total)} ${progress.unit}` : "";
  const left = progress.eta_s ? `${seconds(progress.eta_s)} left` : "";
  return [stageOf(progress), counted, left].filter(Boolean).join(" · ");
}

export function failureWords(job) {
  if (job.state === "cancelled") return "It was cancelled.";
  return job.error ? job.error.detail : "It failed.";
}

export function progressBar(job, label) {
  const done = share(job.progress);
  const bar = h("progress", { max: 1, "aria-label": label });
  if (done !== null && job.state !== "queued") bar.value = done;
  return bar;
}

/** Submits a job and shows it in `place` until it has ended. Resolves with it, or null when it gave no result. */
export async function run(request, place, { title, signal, onStart = () => {} } = {}) {
  let job;
  try {
    job = await post("/jobs", request, { signal });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    clear(place, refusal(error));
    return null;
  }
  setLastJob(request.kind, job.id);
  onStart(job);
  return watch(job.id, place, { title: title ?? titleOf(request.kind, await kinds()), signal });
}

export async function watch(id, place, { title, signal, quietly = false } = {}) {
  let last = "";
  const job = await follow(id, (now) => {
    if (hasEnded(now)) return;
    clear(place, running(now, title));
    const words = now.progress ? stageOf(now.progress) : STATES[now.state];
    if (words !== last && !quietly) say(`${title}: ${words}`);
    last = words;
  }, signal);
  clear(place);
  if (job.state === "succeeded") return job;
  clear(place, h("div", { class: "notice bad", role: "alert" }, h("strong", { text: `${title}: ${STATES[job.state]}. ` }), failureWords(job)));
  return null;
}

function running(job, title) {
  return h("div", { class: "running" },
    h("div", { class: "grow" }, h("strong", { text: title }), " ", h("span", { class: "dim", text: progressWords(job) }),
      progressBar(job, `${title}: progress`)),
    h("button", { type: "button", text: "Cancel", disabled: job.state === "cancelling", onclick: () => cancel(job.id) }));
}

export async function cancel(id) {
  try {
    await post(`/jobs/${id}/cancel`, undefined);
  } catch (error) {
    tell(error.message, "bad");
  }
}

export function refusal(error) {
  const faults = error.faults.length ? error.faults.map((fault) => h("li", { text: `${fault.pointer.slice(1)}: ${fault.detail}` })) : null;
  return h("div", { class: "notice bad", role: "alert" },
    faults ? [h("strong", { text: "This can't be done as it is:" }), h("ul", {}, faults)] : error.message);
}

/** Warnings of a job, and images it could not look at. */
export function remarks(job, result) {
  const lines = [...job.warnings.map((one) => ({ text: one.detail, names: one.names })),
    ...(result?.skipped ?? []).slice(0, 20).map((one) => ({ text: `${one.name}: ${one.reason}`, names: [] }))];
  if (!lines.length) return null;
  return h("details", { class: "remarks" }, h("summary", { text: `${lines.length} remark${lines.length > 1 ? "s" : ""}` }),
    h("ul", {}, lines.map((line) => h("li", {}, line.text, line.names.length ? h("span", { class: "dim", text: ` ${line.names.slice(0, 5).join(", ")}${line.names.length > 5 ? " …" : ""}` }) : null))));
}

