// A folder, or a labels file, under the data roots.

import { get, Problem } from "./api.js";
import { clear, dialog, fileOf, h, number } from "./dom.js";

/** Resolves with a path, or null. `files`: labels files may be chosen, too. */
export function pick(title, { start = null, files = false, images = false } = {}) {
  return dialog(title, (close) => {
    const place = h("div", { class: "picker" });
    const open = async (path) => {
      let listed;
      try {
        listed = await get("/folders", { path });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (path) return open(null);
        return clear(place, h("p", { class: "notice bad", role: "alert", text: error.message }));
      }
      draw(place, listed, open, close, { files, images });
    };
    open(start);
    return place;
  }, { wide: true });
}

function draw(place, listed, open, close, { files, images }) {
  const rows = listed.folders.map((path) => row("folder", listed.path ? fileOf(path) : path, () => open(path)));
  if (files) rows.push(...listed.files.map((path) => row("file", fileOf(path), () => close(path))));
  const inside = listed.images ? `${number(listed.images)} images here` : "No images in this folder itself";
  clear(place,
    h("div", { class: "row" },
      h("button", { type: "button", "aria-label": "To the folder above", text: "↑", disabled: !listed.path, onclick: () => open(listed.parent) }),
      h("p", { class: "path grow", text: listed.path ?? "Data roots" })),
    h("ul", { class: "entries" }, rows.length ? rows : h("li", { class: "dim", text: "Nothing to open in here." })),
    listed.more && h("p", { class: "dim", text: "There is more in it than is listed; type the path instead." }),
    h("div", { class: "row end" }, h("span", { class: "dim grow", text: listed.path && images ? inside : "" }),
      h("button", { type: "button", class: "primary", text: "Use this folder", disabled: !listed.path, onclick: () => close(listed.path) })));
  (place.querySelector(".entries button") ?? place.querySelector(".primary")).focus();
}

function row(kind, name, onclick) {
  return h("li", {}, h("button", { type: "button", class: `entry ${kind}`, onclick }, h("span", { class: `icon ${kind}`, "aria-hidden": "true" }), name));
}
