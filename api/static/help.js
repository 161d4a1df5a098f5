// All keys, on one sheet.

import { dialog, h } from "./dom.js";

const KEYS = [
  ["Label", [
    ["1 … 9, 0, then letters", "the class with that key"],
    ["Enter", "accept the suggestion"],
    ["c or /", "type a class, also a new one"],
    ["← → ↑ ↓", "another image"],
    ["s or Space", "skip: never show it again"],
    ["u or Backspace", "undo"],
    ["y", "near-copies get the same label, or not"],
    ["m", "more images like this one"],
    ["n", "next batch"],
  ]],
  ["Check", [
    ["k", "keep the label"],
    ["Enter", "change it to the suggested class"],
    ["c or /", "change it to another class"],
    ["← →", "another label"],
    ["u", "undo"],
  ]],
  ["Map", [["← → ↑ ↓", "move to the nearest point that way"], ["+ −", "zoom"], ["0", "all of it"], ["m", "more like this one"]]],
  ["Everywhere", [["Alt+1 … Alt+6", "the views, in order"], ["?", "this sheet"], ["Esc", "close, or leave a field"]]],
];

export function show() {
  return dialog("Keys", () => h("div", { class: "keys" }, KEYS.map(([title, keys]) => h("section", {}, h("h3", { text: title }),
    h("dl", {}, keys.map(([key, does]) => [h("dt", { text: key }), h("dd", { text: does })]).flat())))), { wide: true });
}
