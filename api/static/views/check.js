import { get, image, Problem, resultOf } from "../api.js";
import { clear, h, isTyping, meter, number, percent, plural, say, tell } from "../dom.js";
import { remarks, run } from "../jobs.js";
import { forgetKept, keepLabel, keptLabels, onePool, project, validated } from "../project.js";
import { Classes, writer } from "../sheet.js";
import { resume } from "./quality.js";

export const title = "Check";
const SHOWN = 50;

export async function render(place, { signal }) {
  const status = h("div"), body = h("div");
  const go = h("button", { type: "button", class: "primary", text: "Check all labels" });
  let desk = null;
  const shown = async (job) => {
    const result = await resultOf(job);
    const classes = await Classes.load([], signal);
    desk?.controller.abort();
    desk = new Desk(result, classes, signal);
    clear(body, desk.element, remarks(job, result));
    desk.look(0);
  };
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await writer.line;
      const job = await run({ kind: "label_check", ...onePool(), ...validated() }, status, { signal });
      if (job) await shown(job);
    } finally {
      go.disabled = false;
    }
  });
  clear(place, h("div", { class: "row" }, h("h1", { class: "grow", text: "Suspicious labels" }), go), status, body);
  await resume("label_check", status, shown, signal, () => clear(body, h("p", { class: "hint prose", text: "Finds labels that look wrong to a model that has not seen them, near-copies with different labels, and photos that stand in training and validation both." })));
}

class Desk {
  constructor(result, classes, signal) {
    const kept = keptLabels();
    this.result = result;
    this.classes = classes;
    this.items = result.items.filter((one) => !kept.has(`${one.name}\t${one.given}`));
    this.done = new Map();
    this.steps = [];
    this.at = 0;
    this.controller = new AbortController();
    signal.addEventListener("abort", () => this.controller.abort());
    this.pair = h("div", { class: "pair" });
    this.list = h("ol", { class: "suspects", "aria-label": "Suspicious labels" });
    this.element = h("div", {},
      h("p", {}, h("strong", { text: plural(this.items.length, "label") }), ` to look at, of ${number(result.labels)}. `, h("span", { class: "dim", text: result.expected_errors === null ? "With so few labels, the model is wrong more often than you are: look closely." : `About ${percent(result.expected_errors, 1)} are expected to be wrong.` })),
      this.items.length ? h("div", { class: "desk" }, this.pair, this.list) : null, this.others());
    addEventListener("keydown", (event) => this.onKey(event), { signal: this.controller.signal });
    this.drawList();
  }

  drawList() {
    clear(this.list, this.items.slice(0, SHOWN + this.at).map((item, index) => h("li", {}, h("button", {
      type: "button", class: `suspect${this.done.has(item.name) ? " done" : ""}`, "aria-current": index === this.at ? "true" : null, onclick: () => this.look(index) },
    h("span", { class: "frame" }, image(project().pool, item.name, 160)),
    h("span", {}, h("strong", { text: item.given }), " → ", h("strong", { text: item.suggested }), h("span", { class: "hint", text: this.done.get(item.name) ?? item.reason }))))));
  }

  look(index, before = "") {
    if (!this.items.length) return;
    this.at = Math.max(0, Math.min(this.items.length - 1, index));
    const item = this.items[this.at];
    const photo = (name, caption, given = {}) => h("figure", { class: "photo" }, h("span", { class: "frame" }, image(project().pool, name, 1024, { loading: "eager", alt: name })), h("figcaption", {}, caption), ...(given.more ?? []));
    const example = h("div", { class: "example" });
    this.typed = h("input", { "aria-label": "Another class", placeholder: "Another class", autocomplete: "off", spellcheck: "false", onkeydown: (event) => { if (event.key === "Escape") event.target.blur(); } });
    clear(this.pair,
      h("div", { class: "two-up" }, photo(item.name, [h("span", { class: "dim", text: "labelled " }), h("strong", { text: item.given })]), example),
      h("div", { class: "versus" },
        ["given", "suggested"].map((which) => h("div", { class: "bar" }, h("span", { text: item[which] }),
          meter(which === "given" ? item.given_probability : item.confidence, `${item[which]}: ${percent(which === "given" ? item.given_probability : item.confidence)}`),
          h("span", { class: "num", text: percent(which === "given" ? item.given_probability : item.confidence) }))),
        h("p", { class: "reason", text: item.reason }), h("p", { class: "dim name", text: item.name })),
      h("div", { class: "row" },
        h("button", { type: "button", onclick: () => this.keep() }, `Keep ${item.given} `, h("kbd", { text: "k" })),
        h("button", { type: "button", class: "primary", onclick: () => this.change(item.suggested) }, `Change to ${item.suggested} `, h("kbd", { text: "Enter" })),
        h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); if (this.typed.value.trim()) this.change(this.typed.value.trim()); } }, this.typed, h("button", { text: "Change" })),
        h("button", { type: "button", class: "quiet", onclick: () => this.undo() }, "Undo ", h("kbd", { text: "u" }))));
    this.drawList();
    this.drawExample(example, item);
    say(`${before}${this.at + 1} of ${this.items.length}: labelled ${item.given}, looks like ${item.suggested}. ${item.reason}`);
  }

  /** Another image of the suggested class, to compare with. */
  async drawExample(place, item) {
    try {
      const seen = await get("/labels", { path_to_labels: project().labels, names: true, class: item.suggested, limit: 5 });
      const other = seen.names.find((one) => one.name !== item.name);
      if (other) clear(place, h("figure", { class: "photo" }, h("span", { class: "frame" }, image(project().pool, other.name, 1024, { loading: "eager", alt: other.name })), h("figcaption", {}, h("span", { class: "dim", text: "an image labelled " }), h("strong", { text: item.suggested }))));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }

  keep() {
    const item = this.items[this.at];
    keepLabel(item.name, item.given);
    this.finish(item, "kept", null);
  }

  /** The next one is there at once: a quick hand must not answer the same label twice. */
  async change(className) {
    const item = this.items[this.at], step = this.finish(item, `changed to ${className}`, item.given);
    if (await this.replace(item.name, className)) return;
    this.steps = this.steps.filter((one) => one !== step);
    this.done.delete(item.name);
    this.drawList();
  }

  /** The person who looked decides: no question asked. */
  async replace(name, className) {
    try {
      await writer.write([{ name, class: className }], true);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      tell(`Not written: ${error.message}`, "bad");
      return false;
    }
  }

  finish(item, words, before) {
    this.done.set(item.name, words);
    const step = { item, before };
    this.steps.push(step);
    const next = this.items.findIndex((one, index) => index > this.at && !this.done.has(one.name));
    this.look(next < 0 ? this.at : next, `${item.given} ${words}. `);
    return step;
  }

  undo() {
    const step = this.steps.pop();
    if (!step) { tell("There is nothing to undo here."); return; }
    this.done.delete(step.item.name);
    if (step.before === null) forgetKept(step.item.name, step.item.given);
    else this.replace(step.item.name, step.before);
    this.look(this.items.indexOf(step.item), "Undone. ");
  }

  onKey(event) {
    if (isTyping(event) || !this.items.length) return;
    const onButton = event.target.closest?.("button, a, summary") && !event.target.closest(".suspect");
    const does = { k: () => this.keep(), Enter: () => onButton || this.change(this.items[this.at].suggested), ArrowRight: () => this.look(this.at + 1), ArrowLeft: () => this.look(this.at - 1),
      u: () => this.undo(), Backspace: () => this.undo(), c: () => this.typed.focus(), "/": () => this.typed.focus() }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!does || (event.key === "Enter" && onButton)) return;
    event.preventDefault();
    does();
  }

  // --- what is not a model's guess ------------------------------------------------------------------------------------

  others() {
    const { conflicts, copies_that_disagree: copies, leaks } = this.result;
    const { pool, valPool } = project();
    const frame = (folder, name) => h("span", { class: "frame" }, image(folder, name, 160, { alt: name }));
    const settle = (names, className) => h("button", { type: "button", text: `All ${className}`, onclick: async (event) => {
      const row = event.target.closest("li");
      try {
        await writer.write(names.map((name) => ({ name, class: className })), true);
        row.classList.add("done");
        tell(`${plural(names.length, "label")} changed to ${className}.`);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        tell(`Not written: ${error.message}`, "bad");
      }
    } });
    return h("div", { class: "others" },
      block("One image, several classes", "Jobs refuse labels that contradict each other.", conflicts, (one) => h("li", {}, frame(pool, one.name), h("div", { class: "grow" },
        h("p", { class: "name", text: one.name }), h("p", { class: "small dim", text: Object.entries(one.classes).map(([name, where]) => `${name} in ${where}`).join(", ") })), Object.keys(one.classes).map((name) => settle([one.name], name)))),
      block("Near-copies with different labels", "The same photo, or nearly, and not the same class.", copies, (one) => h("li", {}, h("div", { class: "strip" }, one.names.slice(0, 6).map((name) => frame(pool, name))), h("p", { class: "grow small", text: one.names.map((name, at) => `${name}: ${one.classes[at] ?? one.classes.join(" / ")}`).slice(0, 6).join(", ") }),
        [...new Set(one.classes)].map((name) => settle(one.names, name)))),
      block("Photos in training and validation both", "Scores on them say nothing: the model has seen the answer.", leaks, (one) => h("li", {}, frame(pool, one.name), valPool ? frame(valPool, one.validation_name) : null, h("p", { class: "grow small" }, h("span", { class: "name", text: `${one.name} ↔ ${one.validation_name}` }),
        h("span", { class: "hint", text: `${one.identical ? "identical" : "nearly the same"}; ${one.class === one.validation_class ? `both ${one.class}` : `${one.class} here, ${one.validation_class} there`}` })))));
  }
}

function block(heading, hint, all, row) {
  if (!all.length) return null;
  return h("section", { class: "card" }, h("h2", { text: `${heading}: ${number(all.length)}` }), h("p", { class: "hint", text: hint }), h("ul", { class: "rows" }, all.slice(0, 100).map(row)));
}
