import { image, resultOf } from "../api.js";
import { clear, h, isTyping, say, tell } from "../dom.js";
import { remarks, run } from "../jobs.js";
import { onePool, project } from "../project.js";
import { Classes, Sheet, writer } from "../sheet.js";

export const title = "More like this";
const ADD = 40;

export async function render(place, { signal, params }) {
  const like = params.getAll("like"), unlike = [];
  const status = h("div"), examples = h("div", { class: "examples" }), bench = h("div");
  let sheet = null, controller = null, busy = false;

  const search = async () => {
    if (busy) return;
    busy = true;
    try {
      await writer.line;
      const job = await run({ kind: "similar", add: ADD, like, unlike, ...onePool() }, status, { title: "Looking for more like these", signal });
      if (job) await open(job);
    } finally {
      busy = false;
    }
  };

  const open = async (job) => {
    const result = await resultOf(job);
    const classes = await Classes.load(result.data, signal);
    controller?.abort();
    controller = new AbortController();
    signal.addEventListener("abort", () => controller.abort());
    if (!result.items.length) return void clear(bench, h("p", { class: "empty", text: "There is nothing else in the pool." }));
    sheet = new Sheet({
      items: result.items.map((item) => ({ ...item, reason: like.length > 1 ? `like ${item.like}` : "", class: classes.given.get(item.name) ?? item.class })), classes, signal: controller.signal, label: "Most alike first",
      extra: { "+": (entry) => more(entry, like), "=": (entry) => more(entry, like), "-": (entry) => more(entry, unlike) },
      aside: h("div", { class: "row tools" }, h("button", { type: "button", onclick: () => more(sheet.current, like) }, "Such ones ", h("kbd", { text: "+" })), h("button", { type: "button", onclick: () => more(sheet.current, unlike) }, "Not such ones ", h("kbd", { text: "−" }))),
    });
    clear(bench, sheet.element, remarks(job, result));
    sheet.begin();
    say(`${sheet.entries.length} images that look alike.`);
  };

  const more = (entry, list) => {
    for (const one of [like, unlike]) if (one.includes(entry.name)) one.splice(one.indexOf(entry.name), 1);
    list.push(entry.name);
    if (!like.length) { like.push(entry.name); list.splice(list.indexOf(entry.name), 1); tell("One image at least must show what is looked for."); }
    drawExamples();
    say(list === like ? "More such ones." : "None of such ones.");
  };

  const drawExamples = () => {
    const group = (heading, names, kind) => names.length ? h("div", { class: `group ${kind}` }, h("h2", { text: heading }), h("div", { class: "strip" }, names.map((name) => h("span", { class: "frame" }, image(project().pool, name, 160, { alt: name }))))) : null;
    clear(examples, group("Like", like, "like"), group("Not like", unlike, "unlike"),
      h("button", { type: "button", class: "primary", onclick: search }, "Search again ", h("kbd", { text: "n" })), h("a", { class: "button", href: "#/label", text: "Back to the batch" }));
  };

  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "n" && !isTyping(event)) { event.preventDefault(); search(); }
  }, { signal });
  clear(place, h("h1", { class: "only-heard", text: "More like this" }), examples, status, bench);
  if (!like.length) return void clear(bench, h("p", { class: "empty", text: "Choose “More like this” on an image." }));
  drawExamples();
  await search();
}
