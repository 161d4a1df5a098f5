import { beforeEach, expect, test, vi } from "vitest";
import { aProject, held, service } from "../testing";
import * as classes from "./classes";
import * as store from "./labels";
import { toasts } from "./notices";
import { classOrder, setProject } from "./project";

let folder = "";
let labelled = ["cat", "dog", "hen"];
let declared: { name: string; key: string }[] = [];

beforeEach(async ({ task }) => {
  folder = `/data/${task.id}`; // classes that were made are known as long as the page is open
  labelled = ["cat", "dog", "hen"];
  declared = [];
  service.set("GET labels/classes", () => ({
    path_to_labels: folder,
    version: "v1",
    classes: declared.map((one) => ({ ...one, colour: "", description: "", example: "", labels: 0, declared: true })),
  }));
  service.set("GET labels", () => ({
    labels: labelled.length,
    classes: [...labelled].sort().map((name) => ({ class: name, labels: 1 })),
    people: [],
  }));
  setProject({ ...aProject, labels: folder });
  await store.load([]);
});

const keys = (of = classes) => Object.fromEntries(of.keys.value);

test("a new class that is called as another's key takes none from it, nor when the page is loaded anew", async () => {
  store.make(["2"]);
  const before = { cat: "1", dog: "2", hen: "3", 2: "4" };
  expect(keys()).toEqual(before);
  labelled.push("2");
  await store.load([]);
  expect(keys()).toEqual(before);
  vi.resetModules();
  const anew = await import("./classes");
  expect(keys(anew)).toEqual(before); // before the service has answered
  await (await import("./labels")).load([]);
  expect(keys(anew)).toEqual(before);
});

test("a class whose key was declared for another gets the next free one, which is told, and no other class does", async () => {
  declared = [{ name: "fox", key: "2" }];
  await store.load([]);
  expect(keys()).toEqual({ fox: "2", cat: "1", dog: "4", hen: "3" });
  expect(toasts.value.map(({ text }) => text)).toEqual(["The key of dog is 4 now."]);
  declared = [];
  await store.load([]);
  expect(keys()).toEqual({ cat: "1", dog: "4", hen: "3" });
});

test("a class that is declared leaves all others undeclared, with the keys that people have in their fingers", async () => {
  service.set("PUT labels/classes", (_, body) => {
    declared = (body as { classes: typeof declared }).classes;
    return {
      path_to_labels: folder,
      version: "v2",
      classes: declared.map((one) => ({ ...one, labels: 0, declared: true })),
    };
  });
  const dog = { name: "dog", key: "d", colour: "", description: "", example: "", labels: 1, declared: false };
  await classes.declareOne(dog);
  expect(declared.map(({ name, key }) => [name, key])).toEqual([["dog", "d"]]);
  expect(keys()).toEqual({ cat: "1", dog: "d", hen: "3" });
  await classes.add(["fox"]);
  expect(declared.map(({ name }) => name)).toEqual(["dog", "fox"]);
});

test("keys stand as they were in a browser that has kept the order alone", async () => {
  localStorage.clear();
  setProject({ ...aProject, labels: folder });
  classOrder.value = ["hen", "", "dog", "cat"];
  labelled.push("4");
  await store.load([]);
  expect(keys()).toEqual({ hen: "1", 4: "2", dog: "3", cat: "4" });
});

test("classes that were just written are not what they were again by an answer that was asked for before", async () => {
  declared = [{ name: "fox", key: "2" }];
  const one = { colour: "", description: "", example: "", labels: 0, declared: true };
  const written = { path_to_labels: folder, version: "v2", classes: [{ name: "fox", key: "f", ...one }] };
  const late = held({ ...written, version: "v1", classes: [{ name: "fox", key: "2", ...one }] });
  service.set("GET labels/classes", late.answer);
  const older = classes.loadClasses();
  service.set("PUT labels/classes", () => written);
  await classes.declare([{ name: "fox", key: "f" }]);
  late.letGo();
  await older;
  expect(classes.listed.value).toMatchObject({ version: "v2" });
});
