import { beforeEach, expect, test, vi } from "vitest";
import { aProject, asked, held, problem, service } from "../testing";
import { loadNotes, note, notes } from "./notes";
import { setProject } from "./project";

const unsure = { unsure: true, text: "" };
const sure = { unsure: false, text: "" };
const listed = (...names: string[]) => ({ notes: names.map((name) => ({ name, ...unsure })) });
const shown = () => [...notes.value.keys()];
const sent = () => asked.filter(({ what }) => what === "POST labels/notes").map(({ body }) => body);

beforeEach(({ task }) => {
  setProject({ ...aProject, labels: `/data/${task.id}` });
  service.set("POST labels/notes", () => ({ unsure: 1, texts: 0, notes: [] }));
});

test("what is noted while notes are looked up stands, though the answer knows nothing of it", async () => {
  const late = held(listed("a.png", "c.png"));
  service.set("GET labels/notes", late.answer);
  const looking = loadNotes();
  await note(new Map([["a.png", sure]])); // not any more
  await note(new Map([["b.png", { unsure: false, text: "too dark" }]]));
  late.letGo();
  await looking;
  expect(Object.fromEntries(notes.value)).toEqual({
    "b.png": { unsure: false, text: "too dark" },
    "c.png": unsure,
  });
  service.set("GET labels/notes", () => ({ notes: [] }));
  await loadNotes();
  expect(notes.value.size).toBe(0);
});

test("an older answer does not take the place of a newer one", async () => {
  const late = held(listed("old.png"));
  service.set("GET labels/notes", late.answer);
  const older = loadNotes();
  service.set("GET labels/notes", () => listed("new.png"));
  await loadNotes();
  late.letGo();
  await older;
  expect(shown()).toEqual(["new.png"]);
});

test("a note that is under way is written into its own project, and hides none of another's", async () => {
  const first = held({});
  service.set("POST labels/notes", first.answer);
  const notings = [note(new Map([["a.png", sure]])), note(new Map([["b.png", unsure]]))];
  setProject({ ...aProject, labels: "/data/another" });
  service.set("GET labels/notes", () => listed("a.png"));
  await loadNotes();
  expect(shown()).toEqual(["a.png"]);
  first.letGo();
  await Promise.all(notings);
  const folders = sent().map((body) => (body as { path_to_labels: string }).path_to_labels);
  expect(new Set(folders)).not.toContain("/data/another");
  expect(folders).toHaveLength(2);
  expect(shown()).toEqual(["a.png"]);
});

test("what was noted again after a note that is refused stays", async () => {
  const late = held(problem(422, "invalid_value", "too long"));
  service.set("POST labels/notes", late.answer);
  const refused = note(new Map([["a.png", { unsure: false, text: "too long" }]]));
  const taken = note(new Map([["a.png", unsure]]));
  await vi.waitFor(() => expect(sent()).toHaveLength(1));
  service.set("POST labels/notes", () => ({ unsure: 1, texts: 0, notes: [] }));
  late.letGo();
  expect([await refused, await taken]).toEqual([false, true]);
  expect(Object.fromEntries(notes.value)).toEqual({ "a.png": unsure });
});

test("two notes that are refused one after the other leave what stood there before both", async () => {
  await note(new Map([["a.png", unsure]]));
  service.set("POST labels/notes", () => problem(422, "invalid_value", "too long"));
  const both = ["too long", "too long, too"].map((text) => note(new Map([["a.png", { unsure: false, text }]])));
  expect(await Promise.all(both)).toEqual([false, false]);
  expect(Object.fromEntries(notes.value)).toEqual({ "a.png": unsure });
});
