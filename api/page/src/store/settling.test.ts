import { beforeEach, expect, test, vi } from "vitest";
import { aProject, asked, labelsIn, problem, service } from "../testing";
import { type Answer, gathered } from "./answer";
import { Browse } from "./browse";
import { Desk } from "./desk";
import { toasts } from "./notices";
import { allSaved } from "./outbox";
import { setProject } from "./project";
import { SETTLED } from "./settling";
import { type Decision, Sheet } from "./sheet";

/** What each file of the folder says of images, that of what is settled first. */
type Files = Record<string, Map<string, Answer>>;
let files: Files;
let version: number;

const of = (said: Record<string, string>) => new Map(Object.entries(said).map(([name, one]) => [name, [one]]));
const on = (file: string) =>
  Object.fromEntries([...(files[file] ?? [])].map(([name, answer]) => [name, answer.join()]));

/** As the service does it: with `settle`, over what was seen. */
function write(body: unknown, own: string): unknown {
  const {
    versions = {},
    settle,
    keep_both: both,
  } = body as { versions?: object; settle?: boolean; keep_both?: boolean };
  if (Object.values(versions).some((one) => one !== `v${version}`)) return problem(409, "labels_changed", "late");
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
  version++;
  return { path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {}, versions: {} };
}

beforeEach(() => {
  setProject({ ...aProject, copies: false, task: "classification" });
  files = { [SETTLED]: new Map(), anna: of({ "a.png": "red" }), me: new Map() };
  version = 1;
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
    const versions = Object.fromEntries(names.map((name) => [name, `v${version}`]));
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
    version++;
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
