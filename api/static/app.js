// The page's views by their address, and what stands above them.

import { dropKey, hasKey, Problem } from "./api.js";
import { clear, fileOf, h, isTyping } from "./dom.js";
import { refusal } from "./jobs.js";
import { project } from "./project.js";

const VIEWS = {
  label: () => import("./views/label.js"),
  quality: () => import("./views/quality.js"),
  check: () => import("./views/check.js"),
  map: () => import("./views/map.js"),
  jobs: () => import("./views/jobs.js"),
  setup: () => import("./views/setup.js"),
  similar: () => import("./views/similar.js"),
};
const NEED_A_POOL = ["label", "quality", "check", "map", "similar"];
const main = document.getElementById("main");
let leave = new AbortController();

async function show() {
  const [path, query] = location.hash.slice(1).split("?");
  let name = path.replace(/^\//, "") || "label";
  if (!(name in VIEWS)) name = "label";
  if (NEED_A_POOL.includes(name) && !project()) {
    location.replace("#/setup");
    return;
  }
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  where();
  const view = await VIEWS[name]();
  if (signal.aborted) return;
  document.title = `${view.title} · nextlabel`;
  const place = h("div", { class: `view view-${name}` });
  clear(main, place);
  try {
    await view.render(place, { signal, params: new URLSearchParams(query) });
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (!(error instanceof Problem)) throw error;
    place.prepend(refusal(error));
  }
}

function where() {
  const now = project();
  const key = hasKey() && h("button", { type: "button", class: "quiet", text: "Forget the key", onclick: () => { dropKey(); location.reload(); } });
  clear(document.getElementById("where"), now && [h("span", { class: "pool", title: now.pool, text: fileOf(now.pool) }), " ", h("span", { class: "dim", text: now.backbone })], key);
}

const GO = { 1: "label", 2: "quality", 3: "check", 4: "map", 5: "jobs", 6: "setup" };

addEventListener("keydown", (event) => {
  if (event.altKey && !event.ctrlKey && GO[event.key]) {
    event.preventDefault();
    location.hash = `#/${GO[event.key]}`;
  } else if (event.key === "?" && !isTyping(event)) {
    event.preventDefault();
    import("./help.js").then((help) => help.show());
  }
});
document.querySelector(".skip-link").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => { main.focus({ preventScroll: true }); scrollTo(0, 0); show(); });
addEventListener("nextlabel:project", where);
show();
