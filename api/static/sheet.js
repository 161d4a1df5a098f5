// A contact sheet to label on: tiles in rank order, one of them looked at, keys for everything.

import { get, hasKey, image, post, Problem, show } from "./api.js";
import { clear, colourOf, confirmed, h, isTyping, meter, number, percent, plural, say, tell } from "./dom.js";
import { orderedClasses, project, setProject, setSkipped, skipped } from "./project.js";

const OWN_LETTERS = "abdefghijklopqrtvwxz"; // the others do something else: c m n s u y
const MOST_TILES = 1000;
const LOOKED_UP = 100; // names in one address

/** Writes labels one call after another, in the order in which they were given. */
class Writer {
  constructor() { this.line = Promise.resolve(); }

  write(labels, replace = false) {
    const { labels: folder, person } = project();
    const who = hasKey() ? {} : { person };
    const sent = this.line.then(() => post("/labels", { path_to_labels: folder, labels, replace, ...who }));
    this.line = sent.catch(() => {});
    return sent;
  }
}
export const writer = new Writer();

/** Writes; where another person says otherwise, asks. Resolves with whether it was written. */
export async function write(labels) {
  try {
    await writer.write(labels);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code !== "labelled_otherwise") {
      tell(`Not written: ${error.message}`, "bad");
      return false;
    }
    const others = error.faults.map((fault) => fault.detail);
    const shown = others.slice(0, 8).join("; ") + (others.length > 8 ? ` and ${others.length - 8} more` : "");
    if (!(await confirmed("Somebody labelled it otherwise", `${shown}. Replace what is there?`, "Replace"))) return false;
    try {
      await writer.write(labels, true);
    } catch (again) {
      if (!(again instanceof Problem)) throw again;
      tell(`Not written: ${again.message}`, "bad");
      return false;
    }
  }
  return true;
}

/** Keys for classes: one that is a digit or a letter has its own; else digits, then letters, in order. */
export function keysOf(classes) {
  const keys = new Map();
  const free = new Set([..."1234567890", ...OWN_LETTERS]);
  for (const one of classes) if (free.has(one.toLowerCase()) && !keys.has(one)) { keys.set(one, one.toLowerCase()); free.delete(one.toLowerCase()); }
  const left = [...free];
  for (const one of classes) if (!keys.has(one) && left.length) keys.set(one, left.shift());
  return keys;
}

export class Classes {
  constructor(counts) {
    this.counts = new Map(counts.map((one) => [one.class, one.labels]));
    this.order();
  }

  /** With `given`: which of the names have a label by now, whoever gave it. */
  static async load(names, signal) {
    const given = new Map();
    let seen = null;
    for (let at = 0; at === 0 || at < names.length; at += LOOKED_UP) {
      seen = await get("/labels", { path_to_labels: project().labels, of: names.slice(at, at + LOOKED_UP) }, { signal });
      for (const one of seen.names ?? []) given.set(one.name, one.class);
    }
    const classes = new Classes(seen.classes);
    classes.total = seen.labels;
    classes.given = given;
    return classes;
  }

  order() {
    this.names = orderedClasses([...this.counts.keys()]);
    this.keys = keysOf(this.names);
    this.byKey = new Map([...this.keys].map(([name, key]) => [key, name]));
  }

  move(from, to) {
    if (from) this.counts.set(from, Math.max(0, (this.counts.get(from) ?? 0) - 1));
    if (to) this.counts.set(to, (this.counts.get(to) ?? 0) + 1);
    this.total += (to ? 1 : 0) - (from ? 1 : 0);
    if (to && !this.names.includes(to)) this.order();
  }

  colour(name) { return colourOf(Math.max(0, this.names.indexOf(name))); }
}

/** `items`: {name, predicted, confidence, top, reason, cluster, copies, class}. `extra`: further keys, {key: (entry) => ...}. */
export class Sheet {
  constructor({ items, classes, signal, label, onChange = () => {}, extra = {}, aside = null }) {
    this.entries = items.slice(0, MOST_TILES).map((item) => ({ ...item, given: item.class ?? null, skipped: false, saving: 0 }));
    this.classes = classes;
    this.onChange = onChange;
    this.extra = extra;
    this.steps = [];
    this.at = Math.max(0, this.entries.findIndex((one) => !one.given));
    this.tiles = this.entries.map((entry, index) => this.tile(entry, index));
    this.list = h("div", { class: "sheet", role: "listbox", "aria-label": label, "aria-orientation": "horizontal" }, this.tiles);
    this.side = h("aside", { class: "side", "aria-label": "The image that is looked at" });
    this.build(aside);
    this.element = h("div", { class: "bench" }, this.side, this.list);
    addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.tiles.forEach((_, index) => this.paint(index));
    this.look(this.at, { quiet: true });
  }

  get labelled() { return this.entries.filter((one) => one.given).length; }
  get open() { return this.entries.filter((one) => !one.given && !one.skipped); }
  get current() { return this.entries[this.at]; }

  // --- what is seen -------------------------------------------------------------------------------------------------

  tile(entry, index) {
    return h("div", { class: "tile", role: "option", tabindex: -1, id: `tile-${index}`, onclick: () => { this.look(index); this.tiles[index].focus({ preventScroll: true }); } },
      h("span", { class: "frame" }, image(project().pool, entry.name, 160)),
      h("span", { class: "rank", "aria-hidden": "true", text: index + 1 }), h("span", { class: "given", "aria-hidden": "true" }));
  }

  paint(index) {
    const entry = this.entries[index], tile = this.tiles[index], given = tile.querySelector(".given");
    tile.classList.toggle("labelled", !!entry.given);
    tile.classList.toggle("skipped", entry.skipped);
    tile.classList.toggle("failed", !!entry.failed);
    tile.style.setProperty("--class", entry.given ? this.classes.colour(entry.given) : "transparent");
    given.textContent = entry.given ?? (entry.skipped ? "skipped" : entry.predicted ? `${entry.predicted}?` : "");
    const words = entry.given ? `labelled ${entry.given}` : entry.skipped ? "skipped" : entry.predicted ? `suggested ${entry.predicted}` : "no label";
    tile.setAttribute("aria-label", `${index + 1} of ${this.entries.length}: ${entry.name}, ${words}`);
  }

  build(aside) {
    this.photo = image(project().pool, this.current.name, 1024, { loading: "eager" });
    this.photo.alt = "";
    this.facts = h("div", { class: "facts" });
    this.typed = h("input", { id: "class-name", "aria-label": "Class by name", placeholder: "Type a class", autocomplete: "off", spellcheck: "false", enterkeyhint: "done" });
    this.chips = h("div", { class: "chips", role: "group", "aria-label": "Classes" });
    this.copiesToo = h("input", { type: "checkbox", id: "copies", checked: project().copies ?? false, onchange: () => setProject({ copies: this.copiesToo.checked }) });
    this.copies = h("div", { class: "copies" });
    this.typed.addEventListener("keydown", (event) => this.onTyped(event));
    this.typed.addEventListener("input", () => this.drawChips());
    this.side.append(
      h("figure", { class: "photo frame" }, this.photo),
      h("div", { class: "answer" }, this.chips,
        h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); this.take(); } }, this.typed, h("button", { text: "Label" }))),
      this.facts, this.copies, aside ?? "",
      h("div", { class: "row tools" },
        h("button", { type: "button", onclick: () => this.skip() }, "Skip ", h("kbd", { text: "s" })),
        h("button", { type: "button", onclick: () => this.undo() }, "Undo ", h("kbd", { text: "u" })),
        h("button", { type: "button", onclick: () => this.similar() }, "More like this ", h("kbd", { text: "m" }))));
  }

  look(index, { quiet = false, focus = false } = {}) {
    if (!this.entries.length) return;
    this.tiles[this.at].setAttribute("aria-selected", "false");
    this.tiles[this.at].tabIndex = -1;
    this.at = Math.max(0, Math.min(this.entries.length - 1, index));
    const entry = this.current, tile = this.tiles[this.at];
    tile.setAttribute("aria-selected", "true");
    tile.tabIndex = 0;
    if (focus) tile.focus({ preventScroll: true });
    if (!quiet) this.reveal();
    show(this.photo, project().pool, entry.name, 1024);
    this.photo.alt = entry.name;
    this.drawFacts(entry);
    this.drawChips();
  }

  /** On a phone the tiles are a strip, and the page must stay where it is. */
  reveal() {
    const tile = this.tiles[this.at], { list } = this;
    if (list.scrollWidth > list.clientWidth) list.scrollLeft = tile.offsetLeft - list.offsetLeft - (list.clientWidth - tile.clientWidth) / 2;
    else tile.scrollIntoView({ block: "nearest" });
  }

  drawFacts(entry) {
    const top = (entry.top ?? []).map((one) => h("div", { class: "bar" }, h("span", { text: one.class }),
      meter(one.probability, `${one.class}: ${percent(one.probability)}`), h("span", { class: "num", text: percent(one.probability) })));
    clear(this.facts,
      h("p", { class: "reason" }, h("span", { class: "dim", text: `${this.at + 1} / ${this.entries.length} ` }), entry.reason ?? ""),
      top, h("p", { class: "name dim", title: entry.name },
        h("span", { text: entry.name }), entry.cluster !== null && entry.cluster !== undefined ? h("span", { class: "badge", text: `cluster ${entry.cluster}` }) : null));
    const copies = entry.copies ?? [];
    clear(this.copies, copies.length && [
      h("label", { class: "check", for: "copies" }, this.copiesToo, ` Same label for its ${plural(copies.length, "near-copy", "near-copies")} `, h("kbd", { text: "y" })),
      h("div", { class: "strip" }, copies.slice(0, 6).map((name) => h("span", { class: "frame" }, image(project().pool, name, 160, { alt: name }))))]);
  }

  drawChips() {
    const entry = this.current, wanted = this.typed.value.trim().toLowerCase();
    const names = this.classes.names.filter((one) => one.toLowerCase().includes(wanted));
    const chips = names.slice(0, 60).map((name) => h("button", { type: "button", class: `chip${entry?.given === name ? " on" : ""}${entry?.predicted === name ? " suggested" : ""}`, "aria-pressed": entry?.given === name ? "true" : "false",
      css: { "--class": this.classes.colour(name) }, onclick: () => this.give(name), "aria-label": `${name}, ${plural(this.classes.counts.get(name) ?? 0, "label")}` },
    h("kbd", { text: this.classes.keys.get(name) ?? "·" }), h("span", { text: name }), h("span", { class: "num", text: number(this.classes.counts.get(name) ?? 0) })));
    if (!this.classes.names.length) chips.push(h("p", { class: "hint", text: "No class yet. Type the first one: what is on this photo?" }));
    clear(this.chips, chips);
  }

  // --- what is done -------------------------------------------------------------------------------------------------

  onKey(event) {
    if (isTyping(event) || !this.entries.length) return;
    const { key } = event, done = () => event.preventDefault();
    const lower = key.length === 1 ? key.toLowerCase() : key;
    const onButton = event.target.closest?.("button, a, summary") && (key === "Enter" || key === " ");
    if (onButton) return;
    if (this.extra[lower]) { done(); this.extra[lower](this.current); }
    else if (key === "Enter") { done(); this.accept(); }
    else if (key === "ArrowRight") { done(); this.look(this.at + 1, { focus: true }); }
    else if (key === "ArrowLeft") { done(); this.look(this.at - 1, { focus: true }); }
    else if (key === "ArrowDown") { done(); this.look(this.at + this.columns(), { focus: true }); }
    else if (key === "ArrowUp") { done(); this.look(this.at - this.columns(), { focus: true }); }
    else if (key === "Home") { done(); this.look(0, { focus: true }); }
    else if (key === "End") { done(); this.look(this.entries.length - 1, { focus: true }); }
    else if (lower === "s" || key === " ") { done(); this.skip(); }
    else if (lower === "u" || key === "Backspace") { done(); this.undo(); }
    else if (lower === "c" || key === "/") { done(); this.typed.focus(); this.typed.select(); }
    else if (lower === "m") { done(); this.similar(); }
    else if (lower === "y" && this.current.copies?.length) { done(); this.copiesToo.click(); say(this.copiesToo.checked ? "Near-copies get the same label" : "Near-copies are left"); }
    else if (this.classes.byKey.has(lower)) { done(); this.give(this.classes.byKey.get(lower)); }
  }

  onTyped(event) {
    if (event.key !== "Escape") return;
    this.typed.value = "";
    this.drawChips();
    this.tiles[this.at].focus({ preventScroll: true });
  }

  take() {
    const name = this.typed.value.trim();
    this.typed.value = "";
    if (name) this.give(name);
    else this.accept();
    if (this.classes.names.length > 0) this.tiles[this.at].focus({ preventScroll: true });
  }

  /** Where one begins, once the sheet stands on the page. */
  begin() {
    if (this.classes.names.length) this.tiles[this.at].focus({ preventScroll: true });
    else this.typed.focus();
    this.reveal();
  }

  columns() {
    const top = this.tiles[0].offsetTop;
    const row = this.tiles.findIndex((tile) => tile.offsetTop !== top);
    return row > 0 ? row : 1;
  }

  accept() {
    if (this.current.predicted) this.give(this.current.predicted);
    else { say("There is no suggestion. Type a class."); this.typed.focus(); }
  }

  give(className) {
    const entry = this.current, index = this.at;
    const copies = this.copiesToo.checked ? entry.copies ?? [] : [];
    const step = { index, name: entry.name, before: entry.given, skippedBefore: entry.skipped, after: className, copies };
    this.steps.push(step);
    this.set(index, className);
    const labels = [entry.name, ...copies].map((name) => ({ name, class: className }));
    for (const _ of copies) this.classes.move(null, className);
    this.send(index, labels, () => this.revert(step));
    this.advance();
    say(`${className}. ${this.words()}`);
  }

  async send(index, labels, onRefused) {
    const entry = this.entries[index];
    entry.failed = false;
    if (!(await write(labels))) {
      onRefused();
      entry.failed = true;
      this.paint(index);
    }
  }

  set(index, className) {
    const entry = this.entries[index];
    this.classes.move(entry.given, className);
    entry.given = className;
    if (className && entry.skipped) this.setSkipped(entry, false);
    this.paint(index);
    this.onChange();
  }

  revert(step) {
    for (const _ of step.copies) this.classes.move(step.after, null);
    this.set(step.index, step.before);
    if (step.skippedBefore) this.setSkipped(this.entries[step.index], true);
    this.steps = this.steps.filter((one) => one !== step);
    this.paint(step.index);
    this.look(this.at, { quiet: true });
  }

  skip() {
    const entry = this.current;
    if (!entry.given) {
      this.steps.push({ index: this.at, skip: true });
      this.setSkipped(entry, true);
      this.paint(this.at);
      this.onChange();
    }
    this.advance();
    say(`Skipped. ${this.words()}`);
  }

  setSkipped(entry, yes) {
    entry.skipped = yes;
    setSkipped(yes ? [...new Set([...skipped(), entry.name])] : skipped().filter((name) => name !== entry.name));
  }

  undo() {
    const step = this.steps.pop();
    if (!step) { tell("There is nothing to undo on this sheet."); return; }
    if (step.skip) {
      this.setSkipped(this.entries[step.index], false);
      this.paint(step.index);
    } else {
      const labels = [{ name: step.name, class: step.before }, ...step.copies.map((name) => ({ name, class: null }))];
      for (const _ of step.copies) this.classes.move(step.after, null);
      this.set(step.index, step.before);
      if (step.skippedBefore) this.setSkipped(this.entries[step.index], true);
      this.paint(step.index);
      write(labels);
    }
    this.onChange();
    this.look(step.index, { focus: true });
    say(`Undone. ${this.words()}`);
  }

  similar() {
    location.hash = `#/similar?like=${encodeURIComponent(this.current.name)}`;
  }

  /** To the next image that needs an answer. */
  advance() {
    const n = this.entries.length;
    for (let step = 1; step <= n; step++) {
      const index = (this.at + step) % n;
      if (!this.entries[index].given && !this.entries[index].skipped) {
        this.look(index, { focus: !this.side.contains(document.activeElement) });
        return;
      }
    }
    this.look(this.at);
  }

  words() {
    const left = this.open.length;
    const next = left && this.current.predicted ? ` Next suggested: ${this.current.predicted}.` : "";
    return left ? `${left} left.${next}` : "All of this batch are done.";
  }
}
