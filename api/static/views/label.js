import { get, hasEnded, Problem, resultOf } from "../api.js";
import { clear, h, isTyping, number, plural, say } from "../dom.js";
import { refusal, remarks, run, watch } from "../jobs.js";
import { lastJob, onePool, project, skipped } from "../project.js";
import { Classes, Sheet, writer } from "../sheet.js";

export const title = "Label";

export async function render(place, { signal }) {
  const bar = h("div", { class: "batch-bar" });
  const status = h("div", { class: "status", "aria-live": "off" });
  const bench = h("div");
  let sheet = null, busy = false, classes = null;
  clear(place, h("h1", { class: "only-heard", text: "Label" }), bar, status, bench);

  const next = async () => {
    if (busy) return;
    busy = true;
    drawBar();
    try {
      await writer.line; // what was just answered counts
      const { method, add } = project();
      const pending = sheet ? sheet.open.map((one) => one.name) : [];
      const job = await run({ kind: "selection", method, add, ...onePool(), pending, exclude: skipped() }, status, { title: "Next batch", signal });
      if (job) await open(job);
    } finally {
      busy = false;
      if (!signal.aborted) drawBar();
    }
  };

  const open = async (job) => {
    const result = await resultOf(job);
    classes = await Classes.load(result.data, signal);
    const leftOut = new Set(skipped());
    if (!result.items.length) {
      sheet = null;
      clear(bench, h("div", { class: "empty" }, h("h2", { text: "Nothing is left to label" }), h("p", { text: "Every image of the pool has a label, was skipped, or is a near-copy of one that has." })));
      drawBar(job, result);
      return;
    }
    const controller = new AbortController();
    signal.addEventListener("abort", () => controller.abort());
    bench.controller?.abort();
    bench.controller = controller;
    sheet = new Sheet({
      items: result.items.map((item) => ({ ...item, class: classes.given.get(item.name) ?? null })),
      classes, signal: controller.signal, label: "Batch, best first", onChange: () => drawBar(), extra: {},
    });
    for (const [index, entry] of sheet.entries.entries()) {
      if (leftOut.has(entry.name) && !entry.given) { entry.skipped = true; sheet.paint(index); }
    }
    const about = h("details", { class: "about" }, h("summary", { text: `Chosen by ${result.method.name}` }),
      h("p", { class: "prose", text: `${result.method.why} Out of ${number(result.candidates)} candidates${result.near_copies_left_out ? `; ${plural(result.near_copies_left_out, "near-copy", "near-copies")} left out` : ""}.` }),
      remarks(job, result));
    clear(bench, sheet.element, about);
    drawBar();
    sheet.begin();
    say(`${plural(sheet.entries.length, "image")} to label. ${sheet.words()}`);
  };

  const drawBar = () => {
    const all = sheet?.entries.length ?? 0, done = sheet ? all - sheet.open.length : 0;
    const finished = sheet && done === all;
    clear(bar,
      h("p", { class: "grow" }, sheet ? [h("strong", { class: "num", text: `${done} of ${all}` }), " in this batch "] : [h("strong", { text: "No batch yet" }), " "], h("span", { class: "dim", text: classes ? `· ${plural(classes.total, "label")} in all` : "" })),
      h("progress", { max: Math.max(1, all), value: done, "aria-label": "Labelled in this batch" }),
      h("button", { type: "button", class: finished || !sheet ? "primary" : "", disabled: busy, onclick: next }, busy ? "Choosing … " : "Next batch ", h("kbd", { text: "n" })),
      h("button", { type: "button", class: "quiet", "aria-label": "Keys", text: "?", onclick: () => import("../help.js").then((help) => help.show()) }));
  };

  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "n" && !isTyping(event)) { event.preventDefault(); next(); }
  }, { signal });

  drawBar();
  const known = lastJob("selection");
  if (!known) return next();
  try {
    const job = await get(`/jobs/${known}`, {}, { signal });
    busy = !hasEnded(job);
    drawBar();
    const ended = hasEnded(job) ? job : await watch(known, status, { title: "Next batch", signal });
    busy = false;
    if (ended?.state === "succeeded") await open(ended);
    else if (hasEnded(job)) await watch(known, status, { title: "Next batch", signal });
  } catch (error) {
    busy = false;
    if (!(error instanceof Problem)) throw error;
    if (!["job_not_found", "result_expired"].includes(error.code)) clear(status, refusal(error));
    else return next();
  }
  return drawBar();
}
