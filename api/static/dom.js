// Elements, numbers in words, and what is said to people.

/** `on*`: listeners; `class`, `text`, properties of the element where it has them, else attributes. */
export function h(tag, given = {}, ...children) {
  return fill(document.createElement(tag), given, children);
}

export function svg(tag, given = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), given, children);
}

function fill(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (name === "css") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else if (["value", "checked", "disabled", "selected", "open", "indeterminate"].includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function clear(element, ...children) {
  element.replaceChildren(...children.flat().filter(Boolean));
  return element;
}

export const number = (n) => n.toLocaleString("en");
export const percent = (share, digits = 0) => `${(share * 100).toFixed(digits)}\u00a0%`;
export const score = (f1) => f1.toFixed(3);
export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
export const fileOf = (path) => path.replace(/\/+$/, "").split("/").pop() || path;

export function seconds(s) {
  if (s < 1) return "under a second";
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return `${(s / 3600).toFixed(1)} h`;
}

export function ago(time) {
  const s = Math.max(0, (Date.now() - new Date(time)) / 1000);
  return s < 5 ? "just now" : `${seconds(s)} ago`;
}

/** To a screen reader. */
export function say(text) {
  const live = document.getElementById("live");
  live.textContent = live.textContent === text ? `${text}\u00a0` : text;
}

/** On the screen for a while, and to a screen reader. */
export function tell(text, kind = "info") {
  const toast = h("p", { class: `toast ${kind}`, text });
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), kind === "bad" ? 9000 : 4000);
  say(text);
}

export function isTyping(event) {
  return event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !!document.querySelector("dialog[open]")
    || event.target.matches?.("input, textarea, select, [contenteditable]");
}

/** A modal dialog; resolves with what `close(value)` is called with, null when it is dismissed. */
export function dialog(title, build, { wide = false } = {}) {
  return new Promise((resolve) => {
    let value = null;
    const close = (given = null) => { value = given; box.close(); };
    const box = h("dialog", { class: wide ? "wide" : "", "aria-label": title },
      h("header", {}, h("h2", { text: title }),
        h("button", { type: "button", class: "quiet", "aria-label": "Close", text: "✕", onclick: () => close() })));
    box.append(build(close));
    box.addEventListener("close", () => { box.remove(); resolve(value); });
    box.addEventListener("click", (event) => { if (event.target === box) close(); });
    document.body.append(box);
    box.showModal();
  });
}

export function confirmed(title, text, yes, no = "Leave it") {
  return dialog(title, (close) => h("div", {},
    h("p", { class: "prose", text }),
    h("div", { class: "row end" },
      h("button", { type: "button", text: no, onclick: () => close(false) }),
      h("button", { type: "button", class: "primary", autofocus: true, text: yes, onclick: () => close(true) }))));
}

export function meter(share, label) {
  return h("span", { class: "meter", role: "img", "aria-label": label },
    h("span", { css: { width: `${Math.round(share * 1000) / 10}%` } }));
}

const HUES = [205, 28, 145, 340, 265, 50, 180, 0, 310, 95, 225, 75];
export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** The same class has the same colour everywhere. */
export function colourOf(index) {
  const hue = index < HUES.length ? HUES[index] : (index * 137.5) % 360;
  return isDark() ? `hsl(${hue} 62% 64%)` : `hsl(${hue} 62% 42%)`;
}
