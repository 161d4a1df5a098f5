import { expect, test } from "vitest";
import { aProject, held, service } from "../testing";
import { loadNotes, note, notes } from "./notes";
import { setProject } from "./project";

test("what is noted while notes are looked up stands, though the answer knows nothing of it", async () => {
  setProject(aProject);
  service.set("POST labels/notes", () => ({ unsure: 1, texts: 0, notes: [] }));
  const late = held({
    notes: [
      { name: "a.png", unsure: true, text: "" },
      { name: "c.png", unsure: true, text: "" },
    ],
  });
  service.set("GET labels/notes", late.answer);
  const looking = loadNotes();
  await note(new Map([["a.png", { unsure: false, text: "" }]])); // not any more
  await note(new Map([["b.png", { unsure: false, text: "too dark" }]]));
  late.letGo();
  await looking;
  expect(Object.fromEntries(notes.value)).toEqual({
    "b.png": { unsure: false, text: "too dark" },
    "c.png": { unsure: true, text: "" },
  });
  service.set("GET labels/notes", () => ({ notes: [] }));
  await loadNotes();
  expect(notes.value.size).toBe(0);
});
