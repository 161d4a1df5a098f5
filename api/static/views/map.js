import { get, loaded, Problem, resultOf } from "../api.js";
import { clear, colourOf, h, isDark, isTyping, number, percent, plural, say } from "../dom.js";
import { remarks, run } from "../jobs.js";
import { lastJob, onePool, orderedClasses, project } from "../project.js";
import { writer } from "../sheet.js";
import { resume } from "./quality.js";

export const title = "Map";

export async function render(place, { signal }) {
  const status = h("div"), body = h("div");
  const go = h("button", { type: "button", class: "primary", text: "Draw the map" });
  let plane = null;
  const shown = async (job) => {
    const result = await resultOf(job);
    plane?.controller.abort();
    plane = new Plane(result, await batch(signal), signal);
    clear(body, plane.element, remarks(job, result));
    plane.start();
  };
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await writer.line;
      const job = await run({ kind: "map", ...onePool() }, status, { signal });
      if (job) await shown(job);
    } finally {
      go.disabled = false;
    }
  });
  clear(place, h("div", { class: "row" }, h("h1", { class: "grow", text: "Map of the pool" }), go), status, body);
  await resume("map", status, shown, signal, () => clear(body, h("p", { class: "hint prose", text: "All images in a plane, those that look alike close together, coloured by their labels. Where it is grey, nothing is labelled yet." })));
}

/** Names of the batch that is being labelled. */
async function batch(signal) {
  const id = lastJob("selection");
  if (!id) return [];
  try {
    const job = await get(`/jobs/${id}`, {}, { signal });
    return job.state === "succeeded" ? (await resultOf(job)).data : [];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [];
  }
}

class Plane {
  constructor(result, names, signal) {
    this.result = result;
    this.n = result.names.length;
    this.order = orderedClasses([]);
    const row = new Map(result.names.map((name, at) => [name, at]));
    this.ringed = names.map((name) => row.get(name)).filter((at) => at !== undefined);
    this.bounds = bounds(result);
    this.grid = gridOf(result, this.bounds);
    this.scale = 1;
    this.dx = this.dy = 0;
    this.at = this.ringed[0] ?? 0;
    this.controller = new AbortController();
    signal.addEventListener("abort", () => this.controller.abort());
    this.build();
  }

  build() {
    const { result } = this;
    const labelled = result.classes.filter((one) => one >= 0).length;
    this.canvas = h("canvas", { class: "plane", tabindex: 0, role: "application", "aria-roledescription": "map", "aria-label": `Map of ${plural(this.n, "image")}. Arrow keys move from point to point.` });
    this.photo = h("img", { alt: "" });
    this.caption = h("div", { class: "caption" });
    const counts = new Map();
    for (const one of result.classes) counts.set(one, (counts.get(one) ?? 0) + 1);
    const keys = [...counts].filter(([one]) => one >= 0).sort((a, b) => b[1] - a[1]).slice(0, 30).map(([one, count]) => h("li", {}, h("span", { class: "swatch", css: { "--class": this.colour(one) } }), h("span", { text: result.class_names[one] }), h("span", { class: "num dim", text: number(count) })));
    this.element = h("div", { class: "map-bench" },
      h("div", { class: "plane-frame" }, this.canvas, h("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
        h("button", { type: "button", "aria-label": "Closer", text: "+", onclick: () => this.zoom(1.5) }), h("button", { type: "button", "aria-label": "Farther", text: "−", onclick: () => this.zoom(1 / 1.5) }), h("button", { type: "button", "aria-label": "All of it", text: "⤢", onclick: () => this.reset() }))),
      h("aside", { class: "side", "aria-label": "The image under the pointer" }, h("figure", { class: "photo frame" }, this.photo), this.caption,
        h("p", { class: "small dim", text: `${number(this.n)} of ${number(result.images)} images, ${number(labelled)} labelled (${percent(labelled / this.n)})` }),
        h("ul", { class: "swatches" }, keys, h("li", {}, h("span", { class: "swatch none" }), "unlabelled"), this.ringed.length ? h("li", {}, h("span", { class: "swatch ring" }), "this batch") : null)));
  }

  start() {
    const { signal } = this.controller;
    const resize = new ResizeObserver(() => this.resize());
    resize.observe(this.canvas.parentElement);
    signal.addEventListener("abort", () => resize.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(), { signal });
    const pointers = new Map();
    this.canvas.addEventListener("pointerdown", (event) => { this.canvas.setPointerCapture(event.pointerId); pointers.set(event.pointerId, event); this.moved = false; }, { signal });
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, (event) => pointers.delete(event.pointerId), { signal });
    this.canvas.addEventListener("pointermove", (event) => this.onPointer(event, pointers), { signal });
    this.canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY); }, { signal, passive: false });
    addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.resize();
    this.look(this.at, false);
  }

  onPointer(event, pointers) {
    const before = pointers.get(event.pointerId);
    if (!before) {
      const near = this.nearest(event.offsetX, event.offsetY);
      if (near !== null && near !== this.at) this.look(near, false);
      return;
    }
    if (pointers.size === 2) {
      const [other] = [...pointers.values()].filter((one) => one.pointerId !== event.pointerId);
      const distance = (one) => Math.hypot(one.offsetX - other.offsetX, one.offsetY - other.offsetY) || 1;
      this.zoom(distance(event) / distance(before), (event.offsetX + other.offsetX) / 2, (event.offsetY + other.offsetY) / 2);
    } else {
      this.dx += event.offsetX - before.offsetX;
      this.dy += event.offsetY - before.offsetY;
      this.later();
    }
    pointers.set(event.pointerId, event);
  }

  onKey(event) {
    if (isTyping(event)) return;
    const onCanvas = document.activeElement === this.canvas || document.activeElement === document.body || document.activeElement?.id === "main";
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step && onCanvas) { event.preventDefault(); this.step(...step); }
    else if (["+", "="].includes(event.key)) this.zoom(1.5);
    else if (["-", "−"].includes(event.key)) this.zoom(1 / 1.5);
    else if (event.key === "0") this.reset();
    else if (event.key.toLowerCase() === "m") location.hash = `#/similar?like=${encodeURIComponent(this.result.names[this.at])}`;
  }

  resize() {
    const { width, height } = this.canvas.parentElement.getBoundingClientRect();
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.width = width;
    this.height = height;
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    this.draw();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  // --- places -------------------------------------------------------------------------------------------------------

  get fit() {
    const { x0, x1, y0, y1 } = this.bounds;
    return Math.min((this.width - 32) / (x1 - x0), (this.height - 32) / (y1 - y0));
  }

  x(at) { return (this.result.x[at] - (this.bounds.x0 + this.bounds.x1) / 2) * this.fit * this.scale + this.width / 2 + this.dx; }
  y(at) { return (this.result.y[at] - (this.bounds.y0 + this.bounds.y1) / 2) * this.fit * this.scale + this.height / 2 + this.dy; }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const scale = Math.max(0.5, Math.min(200, this.scale * factor));
    const by = scale / this.scale;
    this.dx = (this.dx + this.width / 2 - px) * by + px - this.width / 2;
    this.dy = (this.dy + this.height / 2 - py) * by + py - this.height / 2;
    this.scale = scale;
    this.later();
  }

  reset() {
    this.scale = 1;
    this.dx = this.dy = 0;
    this.later();
  }

  nearest(px, py, most = 18) {
    const { x0, y0, x1, y1 } = this.bounds, k = this.fit * this.scale, { side, cells } = this.grid;
    const x = (px - this.width / 2 - this.dx) / k + (x0 + x1) / 2, y = (py - this.height / 2 - this.dy) / k + (y0 + y1) / 2;
    const reach = most / k, found = { at: null, distance: reach * reach };
    const [cx0, cx1] = [x - reach, x + reach].map((one) => Math.floor(((one - x0) / (x1 - x0)) * side));
    const [cy0, cy1] = [y - reach, y + reach].map((one) => Math.floor(((one - y0) / (y1 - y0)) * side));
    for (let cx = Math.max(0, cx0); cx <= Math.min(side - 1, cx1); cx++) for (let cy = Math.max(0, cy0); cy <= Math.min(side - 1, cy1); cy++) {
      for (const at of cells[cx * side + cy] ?? []) {
        const distance = (this.result.x[at] - x) ** 2 + (this.result.y[at] - y) ** 2;
        if (distance < found.distance) Object.assign(found, { at, distance });
      }
    }
    return found.at;
  }

  /** To the point that lies closest in that direction. */
  step(sx, sy) {
    let best = null, least = Infinity;
    const px = this.x(this.at), py = this.y(this.at);
    for (let at = 0; at < this.n; at++) {
      const ax = this.x(at) - px, ay = this.y(at) - py, along = ax * sx + ay * sy, aside = Math.abs(ax * sy) + Math.abs(ay * sx);
      if (along <= 0.5 || aside > along) continue;
      const cost = along + 2 * aside;
      if (cost < least) { least = cost; best = at; }
    }
    if (best !== null) this.look(best, true);
  }

  look(at, follow) {
    this.at = at;
    const { result } = this, name = result.names[at], given = result.classes[at];
    if (follow) {
      const px = this.x(at), py = this.y(at);
      if (px < 20 || px > this.width - 20) this.dx += this.width / 2 - px;
      if (py < 20 || py > this.height - 20) this.dy += this.height / 2 - py;
    }
    const predicted = result.predicted ? result.class_names[result.predicted[at]] : null;
    const words = given >= 0 ? result.class_names[given] : predicted ? `unlabelled, looks like ${predicted}` : "unlabelled";
    clear(this.caption, h("p", {}, h("strong", { text: words })), h("p", { class: "dim name", text: name }), h("a", { class: "button", href: `#/similar?like=${encodeURIComponent(name)}` }, "More like this ", h("kbd", { text: "m" })));
    this.photo.alt = name;
    clearTimeout(this.pause); // a pointer that passes by loads nothing
    this.pause = setTimeout(async () => {
      try { this.photo.src = await loaded(project().pool, name, 320); } catch { this.photo.removeAttribute("src"); }
    }, 60);
    if (follow) say(`${name}: ${words}`);
    this.later();
  }

  // --- paint --------------------------------------------------------------------------------------------------------

  colour(one) { return colourOf(Math.max(0, this.order.indexOf(this.result.class_names[one]) >= 0 ? this.order.indexOf(this.result.class_names[one]) : one)); }

  draw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const size = Math.max(2, Math.min(9, (this.n > 5000 ? 2 : this.n > 1000 ? 3.2 : 5) * Math.sqrt(this.scale)));
    this.paintAll(context, size);
    context.lineWidth = 2;
    context.strokeStyle = isDark() ? "#fff" : "#111";
    for (const at of this.ringed) ring(context, this.x(at), this.y(at), size / 2 + 3);
    context.lineWidth = 3;
    context.strokeStyle = isDark() ? "#5eead4" : "#0f766e";
    ring(context, this.x(this.at), this.y(this.at), size / 2 + 6);
  }

  /** One colour after another, the unlabelled first, so that labels lie on top. */
  paintAll(context, size) {
    this.byClass ??= grouped(this.result.classes);
    for (const [one, rows] of this.byClass) {
      context.fillStyle = one < 0 ? (isDark() ? "rgb(148 163 184 / .45)" : "rgb(100 116 139 / .38)") : this.colour(one);
      const side = one < 0 ? size : size * 1.25;
      for (const at of rows) {
        const px = this.x(at), py = this.y(at);
        if (px < -8 || py < -8 || px > this.width + 8 || py > this.height + 8) continue;
        context.fillRect(px - side / 2, py - side / 2, side, side);
      }
    }
  }
}

function ring(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

function grouped(classes) {
  const rows = new Map();
  classes.forEach((one, at) => { if (!rows.has(one)) rows.set(one, []); rows.get(one).push(at); });
  return [...rows].sort((a, b) => a[0] - b[0]);
}

function bounds({ x, y }) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < x.length; at++) {
    x0 = Math.min(x0, x[at]); x1 = Math.max(x1, x[at]); y0 = Math.min(y0, y[at]); y1 = Math.max(y1, y[at]);
  }
  if (!(x1 > x0)) { x0 -= 1; x1 = x0 + 2; }
  if (!(y1 > y0)) { y0 -= 1; y1 = y0 + 2; }
  return { x0, x1, y0, y1 };
}

/** Which points lie in which square: the nearest is found without a look at all of them. */
function gridOf({ x, y }, { x0, x1, y0, y1 }) {
  const side = 64, cells = new Array(side * side);
  for (let at = 0; at < x.length; at++) {
    const cx = Math.min(side - 1, Math.floor(((x[at] - x0) / (x1 - x0)) * side)), cy = Math.min(side - 1, Math.floor(((y[at] - y0) / (y1 - y0)) * side));
    (cells[cx * side + cy] ??= []).push(at);
  }
  return { side, cells };
}
