import { get, hasKey, post, Problem } from "../api.js";
import { clear, h, number, tell } from "../dom.js";
import { refusal } from "../jobs.js";
import { pick } from "../picker.js";
import { project, setLastJob, setProject } from "../project.js";

export const title = "Set-up";
const FIELDS = { path_to_img: "pool", path_to_labels: "labels", path_to_img_val: "val-pool", path_to_labels_val: "val-labels", add: "add", backbone: "backbones", person: "person" };

export async function render(place, { signal }) {
  const able = await get("/capabilities", {}, { signal });
  const known = project();
  const backbones = [...able.backbones].sort((a, b) => b.weights_here - a.weights_here);
  const now = { backbone: backbones[0].name, method: "auto", add: 20, person: "me", ...known };
  const form = h("form", { class: "setup", novalidate: true });
  const faults = h("div");

  const pool = pathField("pool", "Folder of photos", "All images in it and its sub-folders are the pool.", now.pool, { images: true });
  const labels = pathField("labels", "Folder for labels", "Each person's labels go to a file of their own in here. It is made if it isn't there.", now.labels, {});
  const valPool = pathField("val-pool", "Validation photos", "Other photos, never learnt from.", now.valPool, { images: true });
  const valLabels = pathField("val-labels", "Validation labels", "Their labels: a file or a folder.", now.valLabels, { files: true });
  const told = h("span", { class: "hint good", id: "pool-images" });
  pool.append(told);
  const count = async () => {
    const path = pool.field.value.trim();
    told.textContent = "";
    if (!path) return;
    try {
      const listed = await get("/folders", { path }, { signal });
      told.textContent = listed.images ? `${number(listed.images)} images in it` : listed.folders.length ? "no image in it itself; sub-folders count, too" : "";
      if (!labels.field.value || labels.field.dataset.suggested === labels.field.value) suggest(labels.field, listed);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.textContent = "";
    }
  };
  pool.field.addEventListener("change", count);

  const name = h("div", { class: "field" }, h("label", { for: "person", text: "Your name" }),
    h("input", { id: "person", value: now.person, maxlength: 64, autocomplete: "nickname", spellcheck: "false" }), h("span", { class: "hint", text: "Names your labels file." }));
  const add = h("div", { class: "field" }, h("label", { for: "add", text: "Images a batch" }),
    h("input", { id: "add", type: "number", min: 1, max: 1000, value: now.add, inputmode: "numeric" }), h("span", { class: "hint", text: "Small batches learn faster; 20 is a good start." }));

  form.append(
    known ? h("h1", { text: "Set-up" }) : welcome(),
    faults,
    h("section", { class: "card" }, h("h2", { text: "Photos and labels" }), h("div", { class: "fields two" }, pool, labels, hasKey() ? null : name, add),
      h("details", { open: !!now.valPool }, h("summary", { text: "Validation set (optional): to measure quality on photos that are not learnt from" }), h("div", { class: "fields two" }, valPool, valLabels))),
    h("div", { class: "fields two top-aligned" },
      h("section", { class: "card" }, h("h2", { id: "backbones", text: "Backbone: what looks at the photos" }),
        h("div", { class: "choices", role: "radiogroup", "aria-labelledby": "backbones" }, backbones.map((one) => choice("backbone", one.name, one.summary, now.backbone,
          one.weights_here ? null : "weights not here")))),
      h("section", { class: "card" }, h("h2", { id: "methods", text: "Method: how the next images are chosen" }),
        h("div", { class: "choices", role: "radiogroup", "aria-labelledby": "methods" }, able.methods.map((one) => choice("method", one.name, one.summary, now.method, one.name === "auto" ? "recommended" : null, one.use))))),
    h("div", { class: "row end sticky-end" }, h("button", { class: "primary large", text: known ? "Save and propose the next batch" : "Start labelling" })));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    const chosen = new FormData(form);
    const changed = {
      pool: pool.field.value.trim(), labels: labels.field.value.trim(), valPool: valPool.field.value.trim(), valLabels: valLabels.field.value.trim(),
      backbone: chosen.get("backbone"), method: chosen.get("method"), add: Number(form.querySelector("#add").value), person: form.querySelector("#person")?.value.trim() ?? now.person,
    };
    try {
      await begin(changed);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      clear(faults, refusal(error));
      const ids = error.faults.map((fault) => FIELDS[fault.pointer.slice(1)]).filter(Boolean);
      if (!ids.length && /labels/.test(error.message)) ids.push("labels");
      for (const id of ids) form.querySelector(`#${id}`)?.setAttribute("aria-invalid", "true");
      (form.querySelector("[aria-invalid]") ?? faults).scrollIntoView({ block: "center" });
      form.querySelector("[aria-invalid]")?.focus();
    }
  });
  clear(place, form);
  if (now.pool) count();
  else pool.querySelector("button").focus();
}

/** The labels folder is made, and the first batch is asked for: all that is wrong is said now. */
async function begin(changed) {
  if (!changed.pool) throw new Problem({ detail: "Choose the folder of your photos first.", errors: [{ pointer: "/path_to_img", detail: "choose the folder of your photos first" }] });
  if (!changed.labels) throw new Problem({ detail: "", errors: [{ pointer: "/path_to_labels", detail: "choose a folder for labels" }] });
  const who = hasKey() ? {} : { person: changed.person || "me" };
  const made = await post("/labels", { path_to_labels: changed.labels, labels: [], ...who });
  const request = { kind: "selection", backbone: changed.backbone, method: changed.method, add: changed.add, path_to_img: changed.pool, path_to_labels: made.path_to_labels };
  const job = await post("/jobs", request);
  setProject({ ...changed, labels: made.path_to_labels, pool: job.request.path_to_img, person: made.person });
  setLastJob("selection", job.id);
  dispatchEvent(new Event("nextlabel:project"));
  tell("The first batch is being chosen.");
  location.hash = "#/label";
}

function welcome() {
  return h("div", { class: "welcome" }, h("h1", { text: "Which photos should you label next?" }),
    h("p", { class: "prose", text: "Choose a folder of photos and start. You label a few; the service learns from them and says which to label next, how good it is by now, and when to stop." }));
}

function pathField(id, label, hint, value, options) {
  const field = h("input", { id, value: value ?? "", spellcheck: "false", autocomplete: "off", "aria-describedby": `${id}-hint` });
  const browse = h("button", { type: "button", text: "Browse", "aria-label": `Browse: ${label}`, onclick: async () => {
    const path = await pick(label, { start: field.value || null, ...options });
    if (path) {
      field.value = path;
      field.dispatchEvent(new Event("change"));
    }
    field.focus();
  } });
  const whole = h("div", { class: "field" }, h("label", { for: id, text: label }), h("div", { class: "row" }, field, browse), h("span", { class: "hint", id: `${id}-hint`, text: hint }));
  whole.field = field;
  return whole;
}

/** Beside the pool, where that is allowed. */
function suggest(field, listed) {
  field.value = listed.parent ? `${listed.path}-labels` : `${listed.path}/labels`;
  field.dataset.suggested = field.value;
}

function choice(group, name, summary, chosen, badge, more) {
  const id = `${group}-${name}`;
  return h("label", { class: "choice", for: id }, h("input", { type: "radio", id, name: group, value: name, checked: name === chosen }),
    h("span", {}, h("strong", { text: name }), badge && h("span", { class: "badge", text: badge }), h("span", { class: "hint", text: summary }), more && h("span", { class: "hint dim", text: more })));
}
