import { beforeEach, expect, test, vi } from "vitest";
import { aProject, asked, labelsIn, problem, service } from "../testing";
import { type Answer, gathered } from "./answer";
import { Browse } from "./browse";
import { Desk } from "./desk";
import { toasts } from "./notices";
import { allSaved } from "./outbox";
import { setProject } from "./project";
import { allSaid, overrule, SETTLED } from "./settling";
import { type Decision, Sheet } from "./sheet";

/** What each file of the folder says of images, that of what is settled first. */
type Files = Record<string, Map<string, Answer>>;
let files: Files;

const of = (said: Record<string, string>) => new Map(Object.entries(said).map(([name, one]) => [name, [one]]));
const on = (file: string) =>
  Object.fromEntries([...(files[file] ?? [])].map(([name, answer]) => [name, answer.join()]));

/** Changes with what files say of the image. */
const versionOf = (name: string) =>
  Object.values(files)
    .map((file) => `${file.get(name)}`)
    .join();

/** As the service does it: with `settle`, over what was seen. */
function write(body: unknown, own: string): unknown {
  const {
    versions = {},
    settle,
    keep_both: both,
  } = body as { versions?: object; settle?: boolean; keep_both?: boolean };
  const isOther = ([name, one]: [string, unknown]) => one !== versionOf(name);
  if (Object.entries(versions).some(isOther)) return problem(409, "labels_changed", "late");
  const lines = labelsIn(body);
  const wanted = gathered(
    lines.flatMap(({ name, class: one }) => (one === null ? [] : { name, class: one, person: "" })),
  );
  const others = (name: string) => (files[SETTLED]!.has(name) ? [files[SETTLED]!] : Object.values(files));
  const isOver = (name: string) =>
    wanted.has(name) &&
    others(name).some(
      (file) => file !== files[own] && file.has(name) && `${file.get(name)}` !== `${wanted.get(name)!.answer}`,
    );
  const over = own === SETTLED ? [] : [...new Set(lines.map(({ name }) => name))].filter(isOver);
  if (over.length && !settle && !both) return problem(409, "labelled_otherwise", over.join());
  const say = (file: string, name: string) =>
    wanted.has(name) ? files[file]!.set(name, wanted.get(name)!.answer) : files[file]!.delete(name);
  for (const { name } of lines) say(own, name);
  if (settle) for (const name of over) say(SETTLED, name);
  return { path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {}, versions: {} };
}

beforeEach(() => {
  setProject({ ...aProject, copies: false, task: "classification" });
  files = { [SETTLED]: new Map(), anna: of({ "a.png": "red" }), me: new Map() };
  toasts.value = [];
  service.set("POST labels/settle", (_, body) => write(body, SETTLED));
  service.set("POST labels", (_, body) => write(body, "me"));
  service.set("GET labels/classes", () => ({ classes: [], version: "" }));
  service.set("GET labels", (path) => {
    const names = new URLSearchParams(path.split("?")[1]).getAll("of");
    const lines = Object.entries(files).flatMap(([person, file]) =>
      names.flatMap((name) => (file.get(name) ?? []).map((one) => ({ name, class: one, person }))),
    );
    const first = lines.filter((one) => one.person === lines.find(({ name }) => name === one.name)?.person);
    const versions = Object.fromEntries(names.map((name) => [name, versionOf(name)]));
    return { labels: 0, classes: [], people: [], conflicts: [], settled: [], names: first, said: lines, versions };
  });
});

const sheet = (decision: Decision) =>
  new Sheet([{ name: "a.png" }, { name: "b.png" }], new Map(), async () => decision);
const told = () => toasts.value.map(({ text }) => text).join("\n");

test("a label that counts over another's is settled, and undo brings back what files said", async () => {
  const labelled = sheet("settle");
  labelled.give("green");
  await vi.waitFor(() => expect(on(SETTLED)).toEqual({ "a.png": "green" }));
  expect([on("anna"), on("me")]).toEqual([{ "a.png": "red" }, { "a.png": "green" }]);
  labelled.undo();
  await vi.waitFor(() => expect([on(SETTLED), on("me")]).toEqual([{}, {}]));
  expect(on("anna")).toEqual({ "a.png": "red" });
});

test("undo of both kept takes one's own back, and does not sign another's label", async () => {
  const labelled = new Sheet(
    [{ name: "a.png" }],
    new Map([["a.png", { answer: ["red"], person: "anna" }]]),
    async () => "both",
  );
  labelled.give("green");
  await vi.waitFor(() => expect(on("me")).toEqual({ "a.png": "green" }));
  labelled.undo();
  await vi.waitFor(() => expect(on("me")).toEqual({}));
});

test("what somebody settles while one is asked is asked about again", async () => {
  const questions: string[] = [];
  const labelled = new Sheet([{ name: "a.png" }], new Map(), async (_, { lines }) => {
    questions.push(lines.map(({ person, class: one }) => `${person} ${one}`).join(", "));
    if (questions.length > 1) return "leave";
    files[SETTLED]!.set("a.png", ["blue"]);
    return "settle";
  });
  labelled.give("green");
  await vi.waitFor(() => expect(labelled.entries[0]!.said.value.given).toEqual(["blue"]));
  expect(questions).toEqual(["anna red", `${SETTLED} blue, anna red`]);
  expect([on(SETTLED), on("me")]).toEqual([{ "a.png": "blue" }, {}]);
});

test("what somebody else settled since is not undone, and that is told", async () => {
  const labelled = sheet("settle");
  labelled.give("green");
  await vi.waitFor(() => expect(on(SETTLED)).toEqual({ "a.png": "green" }));
  files[SETTLED]!.set("a.png", ["blue"]);
  labelled.undo();
  await vi.waitFor(() => expect(told()).toContain("Something else is said of a.png by now"));
  await allSaved();
  expect([on(SETTLED), on("me")]).toEqual([{ "a.png": "blue" }, { "a.png": "green" }]);
});

test("only one's own label is taken back, and whose the other is is told", async () => {
  const labelled = new Sheet(
    [{ name: "a.png" }],
    new Map([["a.png", { answer: ["red"], person: "anna" }]]),
    async () => "leave",
  );
  labelled.takeBack();
  await vi.waitFor(() => expect(told()).toContain("of anna"));
  files.me!.set("a.png", ["red"]);
  labelled.takeBack();
  await vi.waitFor(() => expect(on("me")).toEqual({}));
  labelled.undo();
  await vi.waitFor(() => expect(on("me")).toEqual({ "a.png": "red" }));
  expect(on("anna")).toEqual({ "a.png": "red" });
});

const suspicious = {
  name: "a.png",
  given: "red",
  suggested: "green",
  reason: "",
  given_probability: 0.1,
  confidence: 0.9,
};

test("a suspicious label of another is changed by settling it, which undo opens again", async () => {
  const desk = new Desk({ items: [suspicious] } as never);
  await desk.change();
  expect([on(SETTLED), on("anna")]).toEqual([{ "a.png": "green" }, { "a.png": "red" }]);
  desk.undo();
  await vi.waitFor(() => expect([on(SETTLED), on("me")]).toEqual([{}, {}]));
});

test("a suspicious label that was settled otherwise since is not changed unseen", async () => {
  files[SETTLED]!.set("a.png", ["blue"]);
  const desk = new Desk({ items: [suspicious] } as never);
  await desk.change();
  expect([on(SETTLED), on("me"), desk.done.value.size]).toEqual([{ "a.png": "blue" }, {}, 0]);
  expect(told()).toContain("Something else is said of a.png by now");
});

test("a suspicious label whose change can't be undone is told to be what it was changed to", async () => {
  const desk = new Desk({ items: [suspicious] } as never);
  await desk.change("blue");
  files[SETTLED]!.set("a.png", ["white"]);
  desk.undo();
  await vi.waitFor(() => expect(told()).toContain("Something else is said of a.png by now"));
  expect([...desk.done.value.values()].join()).toContain("blue");
});

test("many at once count over what others say, come back by one undo, and theirs are not taken back", async () => {
  files.me!.set("b.png", ["red"]);
  const listed = () => ({
    view: "v",
    total: 2,
    listed_at: "2026-01-01T00:00:00Z",
    cross_validated: null,
    data: ["a.png", "b.png"].map((name) => {
      const found = Object.entries(files).find(([, file]) => file.has(name));
      const isSettled = found?.[0] === SETTLED;
      return {
        name,
        classes: found?.[1].get(name) ?? null,
        person: found?.[0] ?? null,
        disputed: false,
        settled: isSettled,
      };
    }),
  });
  service.set("GET pool", listed);
  const images = new Browse({}, null, new AbortController().signal, async () => "settle");
  images.want(0, 2);
  await expect.poll(() => images.total).toBe(2);
  images.all();
  await images.give("green");
  expect([on(SETTLED), on("anna"), on("me")]).toEqual([
    { "a.png": "green" },
    { "a.png": "red" },
    { "a.png": "green", "b.png": "green" },
  ]);
  await images.undo();
  expect([on(SETTLED), on("anna"), on("me")]).toEqual([{}, { "a.png": "red" }, { "b.png": "red" }]);
  images.all();
  await images.takeBack();
  expect([on("anna"), on("me")]).toEqual([{ "a.png": "red" }, {}]);
  expect(told()).toContain("only your own labels can be taken back");
  expect(asked.some(({ body }) => (body as { replace?: boolean } | undefined)?.replace)).toBe(false);
});

const listing = (said: Record<string, { classes: string[] | null; person: string | null; disputed?: boolean }>) => {
  const data = Object.entries(said).map(([name, one]) => ({ name, disputed: false, settled: false, ...one }));
  const seen = { view: "v", total: data.length, listed_at: "2026-01-01T00:00:00Z", cross_validated: null, data };
  service.set("GET pool", () => seen);
};

test("of many at once, what nobody was asked about is not settled over what somebody said meanwhile", async () => {
  listing({ "a.png": { classes: ["red"], person: "anna" }, "b.png": { classes: null, person: null } });
  const images = new Browse({}, null, new AbortController().signal, async () => {
    files.anna!.set("b.png", ["blue"]);
    return "settle";
  });
  images.want(0, 2);
  await expect.poll(() => images.total).toBe(2);
  images.all();
  await images.give("green");
  expect([on(SETTLED), on("me")]).toEqual([{}, {}]);
  expect(told()).toContain("nothing was written");
});

test("undo of many brings back what one said oneself, though it is contradicted by now", async () => {
  files.me!.set("b.png", ["red"]);
  listing({ "a.png": { classes: ["red"], person: "anna" }, "b.png": { classes: ["red"], person: "me" } });
  const labels = service.get("GET labels")!;
  service.set("GET labels", (...call) => {
    const view = labels(...call) as { versions: Record<string, string> };
    return { ...view, versions: { "b.png": versionOf("b.png"), ...view.versions } }; // as of all that is contradicted
  });
  const images = new Browse({}, null, new AbortController().signal, async () => "settle");
  images.want(0, 2);
  await expect.poll(() => images.total).toBe(2);
  images.all();
  await images.give("green");
  await images.undo();
  expect([on(SETTLED), on("anna"), on("me")]).toEqual([{}, { "a.png": "red" }, { "b.png": "red" }]);
});

test("what was settled among many is known to be, and not told to be somebody's change", async () => {
  listing({ "a.png": { classes: ["red"], person: "anna" } });
  const images = new Browse({}, null, new AbortController().signal, async () => "settle");
  images.want(0, 1);
  await expect.poll(() => images.total).toBe(1);
  service.set("GET pool", () => ({
    ...images.seen.peek(),
    data: [{ name: "a.png", classes: ["green"], person: SETTLED, disputed: false, settled: true }],
  }));
  await images.give("green");
  await images.give("blue");
  expect(told()).toContain("1 image left as it is: settled");
  expect(told()).not.toContain("Somebody");
});

test("one's own of contradicting labels is taken back among many", async () => {
  files.me!.set("a.png", ["green"]);
  listing({ "a.png": { classes: ["red"], person: "anna", disputed: true } });
  const images = new Browse({}, null, new AbortController().signal, async () => "leave");
  images.want(0, 1);
  await expect.poll(() => images.total).toBe(1);
  images.all();
  await images.takeBack();
  expect([on("anna"), on("me"), told()]).toEqual([{ "a.png": "red" }, {}, ""]);
  await images.undo();
  expect([on("anna"), on("me")]).toEqual([{ "a.png": "red" }, { "a.png": "green" }]);
});

test("what can't be taken back is not told to be", async () => {
  files.me!.set("a.png", ["red"]);
  service.set("POST labels", () => problem(422, "path_not_writable", "no"));
  const labelled = new Sheet(
    [{ name: "a.png" }],
    new Map([["a.png", { answer: ["red"], person: "anna" }]]),
    async () => "leave",
  );
  labelled.takeBack();
  await vi.waitFor(() => expect(told()).toContain("no"));
  await allSaved();
  expect(told()).not.toContain("taken back");
});

test("what was undone before the service knew of others' labels is not asked about", async () => {
  let asked = 0;
  const labelled = new Sheet([{ name: "a.png" }], new Map(), async () => {
    asked++;
    return "settle";
  });
  labelled.give("green");
  labelled.undo();
  await allSaved();
  await vi.waitFor(() => expect(labelled.entries[0]!.said.value.saving).toBe(0));
  expect([asked, on(SETTLED), on("me"), labelled.entries[0]!.said.value.given]).toEqual([0, {}, {}, null]);
});

test("labels are sent with the versions of their own images alone: the service takes so many at once", async () => {
  const seen = await allSaid(["a.png", "b.png"]);
  await overrule([{ name: "a.png", class: "green" }], seen);
  const { body } = asked.findLast(({ what }) => what === "POST labels")!;
  expect(Object.keys((body as { versions: object }).versions)).toEqual(["a.png"]);
});
