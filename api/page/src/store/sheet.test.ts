import { beforeEach, expect, test, vi } from "vitest";
import { aProject, asked, held, labelsIn, problem, service } from "../testing";
import { notes } from "./notes";
import { allSaved } from "./outbox";
import { setProject, skipped } from "./project";
import { chosen, Sheet } from "./sheet";

const ITEMS = [
  { name: "a.png", predicted: "red", copies: ["copy.png"] },
  { name: "b.png", predicted: "blue" },
  { name: "c.png" },
];
const none = new Map();
const leave = async () => "leave" as const;
const given = () => asked.filter(({ what }) => what === "POST labels").flatMap(({ body }) => labelsIn(body));
const view = { labels: 0, classes: [], people: [], conflicts: [], left_out: [], names: [], next_after: null };
const written = { path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {} };

beforeEach(() => {
  notes.value = new Map();
  service.set("POST labels/notes", () => ({ unsure: 0, texts: 0, notes: [] }));
  setProject({ ...aProject, copies: false, task: "classification" });
  service.set("POST labels", () => written);
  service.set("GET labels", () => view);
});

test("one key is one label, and the next image without one is looked at", async () => {
  const sheet = new Sheet(ITEMS, none, leave);
  sheet.give("red");
  expect(sheet.current.value.name).toBe("b.png");
  expect(sheet.accept()).toBe(true);
  expect(sheet.current.value.name).toBe("c.png");
  expect(sheet.accept()).toBe(false);
  await allSaved();
  expect(given()).toEqual([
    { name: "a.png", class: "red" },
    { name: "b.png", class: "blue" },
  ]);
  expect(sheet.open.value.map(({ name }) => name)).toEqual(["c.png"]);
});

test("near-copies get the same label where a person wants it, and lose it by undo", async () => {
  setProject({ copies: true });
  const sheet = new Sheet(ITEMS, none, leave);
  sheet.give("red");
  sheet.undo();
  await allSaved();
  expect(given()).toEqual([
    { name: "a.png", class: "red" },
    { name: "copy.png", class: "red" },
    { name: "a.png", class: null },
    { name: "copy.png", class: null },
  ]);
  expect(sheet.current.value.name).toBe("a.png");
});

test("a skipped image stays skipped on the next sheet until it is taken back", () => {
  new Sheet(ITEMS, none, leave).skip();
  expect(skipped.value).toEqual(["a.png"]);
  const later = new Sheet(ITEMS, none, leave);
  expect(later.current.value.name).toBe("b.png");
  later.look(0);
  later.takeBack();
  expect(skipped.value).toEqual([]);
});

test("a label given long ago is taken back, and undo gives it again", async () => {
  const long_ago = new Map([["a.png", { answer: ["red"], person: "me" }]]);
  const sheet = new Sheet(ITEMS, long_ago, leave);
  sheet.look(0);
  sheet.takeBack();
  await allSaved();
  expect(given()).toEqual([{ name: "a.png", class: null }]);
  sheet.undo();
  await allSaved();
  expect(given().at(-1)).toEqual({ name: "a.png", class: "red" });
});

test("what was left to another person shows that person's label, and undo passes over it", async () => {
  const theirs = { name: "a.png", class: "blue", person: "anna" };
  service.set(
    "POST labels",
    () =>
      new Response(JSON.stringify({ code: "labelled_otherwise", detail: "" }), {
        status: 409,
        headers: { "Content-Type": "application/problem+json" },
      }),
  );
  service.set("GET labels", () => ({ ...view, names: [theirs] }));
  const sheet = new Sheet(ITEMS, none, leave);
  sheet.give("red");
  await vi.waitFor(() => expect(sheet.entries[0]!.said.value.given).toEqual(["blue"]));
  expect(sheet.entries[0]!.said.value).toMatchObject({ by: "anna", saving: 0, refused: false });
});

test("where an image may have several classes, keys toggle them and only accepting saves them", async () => {
  setProject({ task: "multilabel" });
  const sheet = new Sheet(
    [{ name: "a.png", predicted: ["car"] }, { name: "b.png", predicted: [] }, { name: "c.png" }],
    none,
    leave,
  );
  expect(chosen(sheet.current.value)).toEqual(["car"]);
  sheet.give("person");
  sheet.give("car");
  sheet.give("tree");
  expect(sheet.drafts.value.map(({ name }) => name)).toEqual(["a.png"]);
  await allSaved();
  expect(given()).toEqual([]);
  expect(sheet.accept()).toBe(true);
  expect(sheet.current.value.name).toBe("b.png");
  expect(sheet.accept()).toBe(true); // the suggestion, that none applies
  expect(sheet.accept()).toBe(false);
  sheet.give("car");
  sheet.give("car"); // nothing is chosen again, which is not that none applies
  expect(sheet.accept()).toBe(false);
  sheet.giveNone();
  expect(sheet.accept()).toBe(true);
  await allSaved();
  expect(given()).toEqual([
    { name: "a.png", class: "person" },
    { name: "a.png", class: "tree" },
    { name: "b.png", class: "" },
    { name: "c.png", class: "" },
  ]);
  expect(asked.at(-1)!.body).toMatchObject({ task: "multilabel" });
  expect(sheet.entries[2]!.said.value.given).toEqual([]);
});

test("undo first drops what is not saved, then takes back what was", async () => {
  setProject({ task: "multilabel" });
  const sheet = new Sheet([{ name: "a.png" }, { name: "b.png" }], none, leave);
  sheet.give("car");
  sheet.accept();
  sheet.give("tree");
  sheet.undo();
  expect(chosen(sheet.current.value)).toBe(null);
  sheet.undo();
  await allSaved();
  expect(given().at(-1)).toEqual({ name: "a.png", class: null });
  expect(chosen(sheet.current.value)).toEqual(["car"]);
});

test("what others gave while one labels is seen at the next look, where the answer of the last one came too late", async () => {
  const sheet = new Sheet(ITEMS, none, leave);
  const { signal } = new AbortController();
  const body = JSON.stringify({ ...view, names: [{ name: "b.png", class: "blue", person: "anna" }] });
  const now = () => new Response(body, { headers: { ETag: '"2"' } });
  const late = held(now());
  service.set("GET labels", late.answer);
  const looking = sheet.refresh(signal);
  sheet.give("red");
  await allSaved();
  late.letGo();
  await looking;
  expect(sheet.entries[0]!.said.value.given).toEqual(["red"]);
  service.set("GET labels", (_, __, headers) =>
    headers.has("If-None-Match") ? new Response(null, { status: 304 }) : now(),
  );
  await sheet.refresh(signal);
  expect(sheet.entries[1]!.said.value).toMatchObject({ given: ["blue"], by: "anna" });
});

test("labels of others and of other tabs come in, and none that is still on its way is lost", async () => {
  const sheet = new Sheet(ITEMS, none, leave);
  service.set("GET labels", () => ({ ...view, names: [{ name: "b.png", class: "blue", person: "anna" }] }));
  await sheet.refresh(new AbortController().signal);
  expect(sheet.entries[1]!.said.value).toMatchObject({ given: ["blue"], by: "anna" });
  service.set("POST labels", () => new Promise(() => {}));
  sheet.look(0);
  sheet.give("red");
  await sheet.refresh(new AbortController().signal);
  expect(sheet.entries[0]!.said.value).toMatchObject({ given: ["red"], saving: 1 });
});

test("what is fetched ahead are the next images without an answer, from the one that is looked at on", () => {
  const sheet = new Sheet(ITEMS, new Map([["b.png", { answer: ["red"], person: "me" }]]), leave);
  const names = (most: number) => sheet.upcoming(most).map(({ name }) => name);
  expect(names(1)).toEqual(["c.png"]);
  expect(names(5)).toEqual(["c.png", "a.png"]);
});

test("a doubt is kept, the image left to others, and both are undone at once", async () => {
  const sheet = new Sheet(ITEMS, none, leave);
  sheet.doubt();
  expect(sheet.current.value.name).toBe("b.png");
  expect(skipped.value).toEqual(["a.png"]);
  expect(new Sheet(ITEMS, none, leave).current.value.name).toBe("b.png");
  sheet.undo();
  expect(sheet.current.value.name).toBe("a.png");
  expect([skipped.value, [...notes.value]]).toEqual([[], []]);
  const sent = () => asked.filter(({ what }) => what === "POST labels/notes").map(({ body }) => body);
  await expect.poll(() => sent().length).toBe(2);
  expect(given()).toEqual([]);
  expect(sent()).toEqual([
    { path_to_labels: "/data/labels", person: "me", notes: [{ name: "a.png", unsure: true, text: "" }] },
    { path_to_labels: "/data/labels", person: "me", notes: [{ name: "a.png", unsure: false, text: "" }] },
  ]);
});

test("one may be unsure of what one has labelled", () => {
  const sheet = new Sheet(ITEMS, new Map([["a.png", { answer: ["red"], person: "me" }]]), leave);
  sheet.look(0);
  sheet.doubt();
  expect(sheet.entries[0]!.said.value.given).toEqual(["red"]);
  expect(skipped.value).toEqual([]);
  expect(notes.value.get("a.png")).toEqual({ unsure: true, text: "" });
});

test("a note that the service refuses is taken off the page, and said", async () => {
  service.set("POST labels/notes", () => problem(422, "labels_malformed", "notes.json is no JSON"));
  const sheet = new Sheet(ITEMS, none, leave);
  sheet.doubt();
  expect(notes.value.size).toBe(1);
  await expect.poll(() => notes.value.size).toBe(0);
});
