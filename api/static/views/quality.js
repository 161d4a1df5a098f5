import { get, hasEnded, image, Problem, resultOf } from "../api.js";
import { curve } from "../charts.js";
import { ago, clear, dialog, h, meter, number, percent, plural, score } from "../dom.js";
import { remarks, run, watch } from "../jobs.js";
import { lastJob, onePool, project, validated } from "../project.js";

export const title = "Quality";
const MOST_CLASSES_IN_MATRIX = 25;
const VERDICTS = { stop: "You can stop", go_on: "Go on", unsure: "Not clear yet" };

export async function render(place, { signal }) {
  const now = project();
  const learning = section("How much more to label", "Learns from parts of your labels, and forecasts what more of them would bring.", "learning_curve",
    () => ({ kind: "learning_curve", ...onePool(), ...validated() }), "Forecast", drawCurve, signal);
  const quality = section("How good it is now", "Learns from your labels and is scored on the validation set.", "f1",
    () => ({ kind: "f1", backbone: now.backbone, path_to_img_train: now.pool, path_to_labels_train: now.labels, path_to_img_val: now.valPool, path_to_labels_val: now.valLabels }),
    "Measure", drawF1, signal, now.valPool && now.valLabels ? null : "Measuring wants a validation set: photos with labels that are never learnt from. Name one under Set-up.");
  const audit = section("Does choosing help here?", "Replays methods on the labels you have, beside chance. Takes a while.", "audit",
    () => ({ kind: "audit", ...onePool(), ...validated() }), "Replay", drawAudit, signal);
  clear(place, h("h1", { text: "Quality" }), learning, quality, audit);
}

function section(heading, hint, kind, request, verb, draw, signal, missing = null) {
  const status = h("div"), body = h("div"), when = h("span", { class: "dim small" });
  const go = h("button", { type: "button", class: "primary", disabled: !!missing, text: verb });
  const shown = async (job) => {
    const result = await resultOf(job);
    when.textContent = `as of ${ago(job.finished_at)}`;
    clear(body, draw(result, job), remarks(job, result));
  };
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      const job = await run(request(), status, { signal });
      if (job) await shown(job);
    } finally {
      go.disabled = false;
    }
  });
  resume(kind, status, shown, signal, () => { if (!body.childNodes.length) clear(body, h("p", { class: "hint", text: missing ?? hint })); });
  return h("section", { class: "card", "aria-label": heading }, h("div", { class: "row" }, h("h2", { class: "grow", text: heading }), when, go), status, body);
}

/** Shows what was computed last, or follows what is being computed. */
export async function resume(kind, status, shown, signal, otherwise) {
  const id = lastJob(kind);
  try {
    const job = id && await get(`/jobs/${id}`, {}, { signal });
    const ended = job && (hasEnded(job) ? job : await watch(id, status, { signal, title: "Running" }));
    if (ended?.state === "succeeded") await shown(ended);
    else otherwise();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    otherwise();
  }
}

// --- learning curve -------------------------------------------------------------------------------------------------

function drawCurve(result) {
  const measured = result.points.map((p) => ({ x: p.labels, y: p.f1_macro, low: Math.min(...p.repeats), high: Math.max(...p.repeats) }));
  const ahead = [result.now, ...result.forecast].map((f) => ({ x: f.labels, y: f.f1_macro, low: f.low, high: f.high }));
  const best = result.forecast.at(-1);
  const chart = curve([{ name: "measured", kind: "solid", points: measured, colour: 0 }, { name: "forecast", kind: "dashed", points: ahead, colour: 1 }], {
    label: `Macro F1 by labels: ${score(result.now.f1_macro)} now, ${score(best.f1_macro)} forecast at ${number(best.labels)} labels, between ${score(best.low)} and ${score(best.high)}.`,
    marks: [{ x: result.labels, text: "now" }],
  });
  return h("div", {},
    h("p", { class: `advice ${result.advice.verdict}`, role: "status" }, h("strong", { text: VERDICTS[result.advice.verdict] }), " ", result.advice.sentence),
    h("div", { class: "curve" }, chart, legend()),
    h("table", { class: "figures" }, h("caption", { class: "only-heard", text: "Forecast" }),
      h("thead", {}, h("tr", {}, ["more labels", "labels in all", "macro F1", "range"].map((text, at) => h("th", { scope: "col", class: at ? "num" : "", text })))),
      h("tbody", {}, [result.now, ...result.forecast].map((f) => h("tr", {}, h("th", { scope: "row", text: f.extra ? `+ ${number(f.extra)}` : "now" }), h("td", { class: "num", text: number(f.labels) }),
        h("td", { class: "num", text: score(f.f1_macro) }), h("td", { class: "num", text: `${score(f.low)} to ${score(f.high)}` }))))),
    h("p", { class: "dim small", text: [
      result.validation === "held out" ? `scored on ${plural(result.validation_images, "image")} kept apart` : "scored by cross-validation on your labels",
      result.stability && `successive models agree on ${result.stability.images} images by a kappa of ${result.stability.kappas.at(-1)?.toFixed(2)}`,
      result.coverage && `${percent(result.coverage.share)} of the pool lie near a labelled image`,
    ].filter(Boolean).join(" · ") }));
}

function legend() {
  return h("p", { class: "legend small" }, h("span", { class: "key c0", text: "measured, with the range of its repeats" }), h("span", { class: "key c1", text: "forecast, with its 95 % range" }));
}

// --- F1 -------------------------------------------------------------------------------------------------------------

function drawF1(result) {
  const [low, high] = result.f1_macro_interval;
  return h("div", {},
    h("div", { class: "headline" }, h("p", { class: "big num", text: score(result.f1_macro) }),
      h("p", {}, h("strong", { text: "macro F1" }), h("span", { class: "dim", text: ` · 95 %: ${score(low)} to ${score(high)} · accuracy ${percent(result.accuracy, 1)} · on ${plural(result.validation_images, "image")}` }))),
    missing(result.classes_without_training_images, "have no label to learn from yet"), missing(result.classes_without_validation_images, "occur in your labels and not in the validation set"),
    h("div", { class: "fields two top-aligned" }, perClass(result), confusion(result)));
}

function missing(classes, words) {
  return classes.length ? h("p", { class: "notice small", text: `${classes.join(", ")}: ${words}.` }) : null;
}

function perClass(result) {
  const head = ["class", "F1", "", "precision", "recall", "images"];
  return h("div", { class: "scroll" }, h("table", { class: "figures" }, h("caption", { text: "By class" }),
    h("thead", {}, h("tr", {}, head.map((text, at) => h(text ? "th" : "td", { scope: text ? "col" : null, class: at ? "num" : "", text })))),
    h("tbody", {}, result.per_class.toSorted((a, b) => a.f1 - b.f1).map((one) => h("tr", {}, h("th", { scope: "row", text: one.class }), h("td", { class: "num", text: score(one.f1) }),
      h("td", {}, meter(one.f1, `F1 ${score(one.f1)}`)), h("td", { class: "num", text: score(one.precision) }), h("td", { class: "num", text: score(one.recall) }), h("td", { class: "num", text: number(one.support) }))))));
}

function confusion(result) {
  const { classes, matrix } = result.confusion;
  if (classes.length > MOST_CLASSES_IN_MATRIX) return largest(result);
  const most = Math.max(1, ...matrix.flat());
  return h("div", { class: "scroll" }, h("table", { class: "confusion" }, h("caption", { text: "Confusion: rows are true, columns predicted" }),
    h("thead", {}, h("tr", {}, h("td"), classes.map((name) => h("th", { scope: "col" }, h("span", { text: name }))))),
    h("tbody", {}, matrix.map((row, t) => h("tr", {}, h("th", { scope: "row", text: classes[t] }), row.map((n, p) => cell(result, t, p, n, most)))))));
}

function cell(result, t, p, n, most) {
  const { classes } = result.confusion;
  if (!n) return h("td", { class: "zero", text: "·" });
  const words = t === p ? `${plural(n, "image")} of ${classes[t]} found right` : `${plural(n, "image")} of ${classes[t]} called ${classes[p]}`;
  return h("td", { class: t === p ? "right" : "wrong", css: { "--share": (0.12 + 0.68 * Math.sqrt(n / most)).toFixed(3) } },
    t === p ? h("span", { "aria-label": words, role: "img", text: number(n) })
      : h("button", { type: "button", "aria-label": `${words}: show them`, text: number(n), onclick: () => images(result, t, p, words) }));
}

function largest(result) {
  const { classes, matrix } = result.confusion;
  const wrong = matrix.flatMap((row, t) => row.map((n, p) => ({ n, t, p }))).filter(({ n, t, p }) => n && t !== p).sort((a, b) => b.n - a.n).slice(0, 25);
  return h("div", {}, h("h3", { text: "Most frequent confusions" }), h("ul", { class: "plain" }, wrong.map(({ n, t, p }) => h("li", {},
    h("button", { type: "button", text: `${classes[t]} called ${classes[p]}: ${number(n)}`, onclick: () => images(result, t, p, `${plural(n, "image")} of ${classes[t]} called ${classes[p]}`) })))));
}

function images(result, t, p, words) {
  const { classes } = result.confusion;
  const found = result.misses?.filter((one) => one.class === classes[t] && one.predicted === classes[p]);
  return dialog(words, () => (found?.length
    ? h("div", { class: "gallery" }, found.slice(0, 200).map((one) => h("figure", {}, h("span", { class: "frame" }, image(project().valPool, one.name, 320, { alt: one.name })),
      h("figcaption", { class: "small" }, `${percent(one.confidence)} sure · `, h("span", { class: "dim", text: one.name })))))
    : h("p", { class: "prose", text: "This result does not name its images. Measure again to have them." })), { wide: true });
}

// --- audit ----------------------------------------------------------------------------------------------------------

function drawAudit(result) {
  const series = result.arms.map((arm, at) => ({ name: arm.method, kind: at ? "solid" : "dashed", colour: at ? (at - 1) % 6 : 6, points: arm.labels.map((n, i) => ({ x: n, y: arm.f1_macro[i] })) }));
  return h("div", {}, h("p", { class: "advice", role: "status", text: result.sentence }),
    h("div", { class: "curve" }, curve(series, { label: `Macro F1 by labels, methods beside chance. ${result.sentence}` }),
      h("p", { class: "legend small" }, series.map((one) => h("span", { class: `key c${one.colour}`, text: one.name })))),
    h("ul", { class: "plain" }, result.arms.slice(1).map((arm) => h("li", { text: arm.sentence.includes(arm.method) ? arm.sentence : `${arm.method} ${arm.sentence}` }))));
}
