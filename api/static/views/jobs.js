import { download, forget, get, hasEnded, post, Problem } from "../api.js";
import { ago, clear, fileOf, h, number, seconds, tell } from "../dom.js";
import { cancel, failureWords, kinds, progressBar, progressWords, STATES, titleOf } from "../jobs.js";

export const title = "Jobs";
const VIEW_OF = { selection: "label", f1: "quality", learning_curve: "quality", audit: "quality", label_check: "check", map: "map" };
const QUICK_MS = 1500, SLOW_MS = 10_000;

export async function render(place, { signal }) {
  const list = h("ul", { class: "jobs", "aria-label": "Jobs, newest first" });
  const more = h("div", { class: "row end" });
  const known = await kinds();
  let limit = 30, seen = "";
  clear(place, h("h1", { text: "Jobs" }), list, more);

  const refresh = async () => {
    const page = await get("/jobs", { limit }, { signal });
    const now = JSON.stringify(page.data.map((job) => [job.id, job.state, job.progress]));
    if (now !== seen) draw(page);
    seen = now;
    return page.data.some((job) => !hasEnded(job));
  };

  const draw = (page) => {
    const focused = document.activeElement?.dataset?.action;
    clear(list, page.data.length ? page.data.map((job) => row(job, refresh, titleOf(job.kind, known))) : h("li", { class: "empty", text: "No job yet. Choose a folder under Set-up." }));
    clear(more, page.next_cursor && limit < 200 && h("button", { type: "button", text: "Older ones", onclick: () => { limit = 200; refresh(); } }));
    if (focused) list.querySelector(`[data-action="${focused}"]`)?.focus();
  };

  const loop = async () => {
    while (!signal.aborted) {
      let active = true;
      try {
        if (!document.hidden) active = await refresh();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
      }
      await new Promise((resolve) => { setTimeout(resolve, active ? QUICK_MS : SLOW_MS); signal.addEventListener("abort", resolve, { once: true }); });
    }
  };
  await refresh();
  loop();
}

function row(job, refresh, title) {
  const { request } = job;
  const about = [request.path_to_img ?? request.path_to_img_train, request.backbone].filter(Boolean);
  const detail = request.kind === "selection" ? `${number(request.add)} images by ${request.method?.name ?? request.method}` : request.kind === "similar" ? `like ${request.like[0]}` : "";
  return h("li", { class: `job ${job.state}`, "aria-label": `${title}, ${STATES[job.state]}` },
    h("div", { class: "grow" },
      h("p", {}, h("strong", { text: title }), " ", h("span", { class: `state ${job.state}`, text: STATES[job.state] }), " ", h("span", { class: "dim", text: detail })),
      h("p", { class: "dim small" }, h("span", { title: about[0], text: fileOf(about[0] ?? "") }), ` · ${about[1] ?? ""} · ${ago(job.created_at)}${took(job)}${job.attempt > 1 ? ` · attempt ${job.attempt}` : ""}${job.owner ? ` · ${job.owner}` : ""}`),
      !hasEnded(job) && [h("p", { class: "small", text: progressWords(job) }), progressBar(job, `${title}: progress`)],
      ["failed"].includes(job.state) && h("p", { class: "fault", text: failureWords(job) }),
      job.last_interruption && !hasEnded(job) && h("p", { class: "small dim", text: `Interrupted (${job.last_interruption.reason.replace("_", " ")}), goes on by itself.` }),
      job.warnings.map((one) => h("p", { class: "small dim", text: `${one.detail}${one.count > 1 ? ` (${number(one.count)})` : ""}` }))),
    h("div", { class: "row actions" }, actions(job, refresh)));
}

function took(job) {
  if (!job.started_at || !job.finished_at) return "";
  return ` · took ${seconds((new Date(job.finished_at) - new Date(job.started_at)) / 1000)}`;
}

function actions(job, refresh) {
  const button = (text, action, onclick) => h("button", { type: "button", "data-action": `${action}:${job.id}`, text, onclick: async () => {
    try {
      await onclick();
      await refresh();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      tell(error.message, "bad");
    }
  } });
  if (!hasEnded(job)) return button("Cancel", "cancel", () => cancel(job.id));
  const all = [];
  if (job.state === "succeeded") {
    if (VIEW_OF[job.kind]) all.push(h("a", { class: "button", href: `#/${VIEW_OF[job.kind]}`, text: "Open" }));
    if (["prediction", "selection"].includes(job.kind)) all.push(button("Labels", "labels", () => download(job.result_url, "text/tab-separated-values", `${job.id}.txt`)));
    all.push(button("CSV", "csv", () => download(job.result_url, "text/csv", `${job.id}.csv`)));
  } else {
    all.push(button("Try again", "retry", () => post(`/jobs/${job.id}/retry`)));
  }
  all.push(button("Forget", "forget", () => forget(`/jobs/${job.id}`)));
  return all;
}
