import { beforeEach, expect, test, vi } from "vitest";
import type { ImageBoxes } from "../service/types";
import { aProject, asked, held, problem, service } from "../testing";
import { Board, type Decision, type Suggested } from "./board";
import { toasts } from "./notices";
import { setProject } from "./project";

const cat = { class: "cat", box: [1, 2, 30, 40] as [number, number, number, number], crowd: false };
const drawing = (person: string, version: string, boxes = [cat], unfinished = false) => ({
  ...{ person, version, boxes, unfinished, file: `boxes-${person}.jsonl` },
  ...{ width: 100, height: 80 },
});
const image = (name: string, ...drawings: ReturnType<typeof drawing>[]): ImageBoxes => ({
  ...{ name, drawings, settled: null, version: drawings.map(({ version }) => version).join() },
  ...{ width: 100, height: 80 },
});
const proposals: Suggested[] = [
  { box: [5, 5, 10, 10], class: null, score: 0.9, draft: true },
  { box: [50, 5, 10, 10], class: null, score: 0.8, draft: true },
];
/** What was written of an image. */
const written = (name: string) =>
  asked
    .filter(({ what }) => what === "POST labels/boxes")
    .map(({ body }) => (body as { images: { name: string; boxes: unknown[] | null }[] }).images[0]!)
    .filter((one) => one.name === name);

function board(images: ImageBoxes[], boxes: readonly Suggested[] = [], decision: Decision = "mine") {
  const items = images.map(({ name }) => ({ name, boxes }));
  return new Board(items, new Map(images.map((one) => [one.name, one])), async () => decision);
}

beforeEach(() => {
  setProject({ ...aProject, task: "detection" });
  let version = 0;
  service.set("POST labels/boxes", (_, body) => {
    const { name } = (body as { images: { name: string }[] }).images[0]!;
    return { person: "me", versions: { [name]: `v${++version}` } };
  });
});

test("what is written says how large the image was that it was drawn on", async () => {
  const drawn = board([image("a.png")]);
  drawn.nothingHere();
  await vi.waitFor(() => expect(written("a.png")).toHaveLength(1));
  const { width, height } = image("a.png");
  expect(written("a.png")[0]).toMatchObject({ boxes: [], width, height });
});

test("proposals are named one key each, and each is undone by itself", () => {
  const drawn = board([image("a.png")], proposals);
  drawn.pickNext(1);
  drawn.name("cat");
  drawn.name("dog");
  expect(drawn.seen.value.map((box) => box.class)).toEqual(["cat", "dog"]);
  drawn.undo();
  expect(drawn.seen.value.map((box) => box.class)).toEqual(["cat", null]);
});

test("all right doesn't say that nothing is here: where no box is seen, that has a key of its own", () => {
  const hidden = { ...proposals[0]!, class: "cat", draft: false };
  const drawn = board([image("a.png"), image("b.png")], [hidden]);
  expect(drawn.accept()).toBe(false);
  expect(written("a.png")).toEqual([]);
  expect(toasts.value.at(-1)?.text).toMatch(/choose “Nothing here” \(n\)/);
  drawn.nothingHere();
  drawn.look(0);
  expect(drawn.accept()).toBe(true);
});

test("without a class that a key stands for, a proposal asks for one to be typed", () => {
  board([image("a.png")], proposals).accept();
  expect(toasts.value.at(-1)?.text).toMatch(/press c and type one/);
});

test("an n of a class's name, typed where it is no field, doesn't take the box that it is of away", () => {
  const drawn = board([image("a.png")], proposals);
  drawn.draw([20, 20, 30, 30]);
  drawn.nothingByKey();
  expect(drawn.pickedBox.value?.place).toEqual([20, 20, 30, 30]);
  expect(toasts.value.at(-1)?.text).toMatch(/1 box has no class yet/);
  drawn.name("king");
  drawn.nothingByKey();
  expect(drawn.current.value.sketch.value).toMatchObject({ boxes: [], finished: true });
});

test("whoever presses the button means that nothing is here, though a box has no class yet, and undo brings the box back", () => {
  const drawn = board([image("a.png")]);
  drawn.draw([20, 20, 30, 30]);
  drawn.nothingHere();
  expect(drawn.current.value.sketch.value).toMatchObject({ boxes: [], finished: true });
  drawn.undo();
  expect(drawn.seen.value.map(({ place }) => place)).toEqual([[20, 20, 30, 30]]);
});

test("a box that has no class yet is there again after a reload, until it has one, and is on no disk before", async () => {
  const drawn = board([image("new.png")], [{ ...proposals[0]!, box: [21, 20, 30, 30] }]);
  drawn.draw([20, 20, 30, 30]);
  await vi.waitFor(() => expect(written("new.png")).toHaveLength(1));
  expect(written("new.png")[0]).toMatchObject({ boxes: [], unfinished: true });
  const again = board([image("new.png", drawing("me", "v1", [], true))], [{ ...proposals[0]!, box: [21, 20, 30, 30] }]);
  expect(again.seen.value.map(({ place, class: name }) => [place, name])).toEqual([[[20, 20, 30, 30], null]]);
  again.pickNext(1);
  again.name("cat");
  const named = drawing("me", "v2", [{ ...cat, box: [20, 20, 30, 30] }], true);
  expect(board([image("new.png", named)]).seen.value).toHaveLength(1);
});

test("a box without a class stays away where the image is finished, and from another folder's image of that name", () => {
  board([image("a.png")]).draw([20, 20, 30, 30]);
  expect(board([image("a.png", drawing("me", "v1"))]).seen.value).toHaveLength(1);
  setProject({ labels: "/data/another" });
  expect(board([image("a.png")]).seen.value).toHaveLength(0);
});

test("many small moves are one step", () => {
  const drawn = board([image("a.png", drawing("me", "v0"))]);
  drawn.pickNext(1);
  for (const x of [2, 3, 4]) drawn.place([x, 2, 30, 40]);
  drawn.undo();
  expect(drawn.seen.value[0]!.place).toEqual([1, 2, 30, 40]);
});

test("what was not accepted is not written, and an image goes on where it was begun", async () => {
  const drawn = board(
    [image("begun.png", drawing("me", "v0", [cat], true))],
    [...proposals, { ...proposals[0]!, box: cat.box }],
  );
  expect(drawn.seen.value).toHaveLength(3); // not the suggestion on top of what was drawn
  drawn.pickNext(1);
  drawn.place([2, 2, 30, 40]);
  await vi.waitFor(() => expect(written("begun.png")).toHaveLength(1));
  expect(written("begun.png")[0]).toMatchObject({
    version: "v0",
    unfinished: true,
    boxes: [{ class: "cat", box: [2, 2, 30, 40] }],
  });
});

test("what another tab drew is taken where a person says so", async () => {
  service.set("POST labels/boxes", () => problem(409, "boxes_changed", "a.png was changed meanwhile"));
  service.set("GET labels/boxes/images", () => ({ images: [image("a.png", drawing("me", "v9", []))] }));
  const drawn = board([image("a.png", drawing("me", "v0"))], [], "theirs");
  drawn.pickNext(1);
  drawn.place([2, 2, 30, 40]);
  await vi.waitFor(() => expect(drawn.current.value.sketch.value).toMatchObject({ boxes: [], finished: true }));
  expect(drawn.current.value.version).toBe("v9");
});

test("what was drawn before another tab's was taken is there again by undo, and is written over that one alone", async () => {
  service.set("POST labels/boxes", (_, body) =>
    (body as { images: { version: string }[] }).images[0]!.version === "v9"
      ? { person: "me", versions: { "a.png": "v10" } }
      : problem(409, "boxes_changed", "a.png was changed meanwhile"),
  );
  service.set("GET labels/boxes/images", () => ({ images: [image("a.png", drawing("me", "v9", []))] }));
  const drawn = board([image("a.png", drawing("me", "v0"))], [], "theirs");
  drawn.pickNext(1);
  drawn.place([2, 2, 30, 40]);
  await vi.waitFor(() => expect(drawn.current.value.version).toBe("v9"));
  await vi.waitFor(() => expect(drawn.current.value.saving.value).toBe(false));
  expect(written("a.png")).toHaveLength(1);
  expect(toasts.value.at(-1)?.text).toMatch(/Undo \(z\) brings yours back/);
  drawn.undo();
  await vi.waitFor(() => expect(drawn.current.value.version).toBe("v10"));
  expect(written("a.png").at(-1)).toMatchObject({ version: "v9", boxes: [{ box: [2, 2, 30, 40] }] });
  drawn.redo();
  expect(drawn.seen.value).toEqual([]);
});

test("undo doesn't write what was before over what another tab drew since", async () => {
  const drawn = board([image("a.png", drawing("me", "v0"))]);
  drawn.pickNext(1);
  drawn.place([2, 2, 30, 40]);
  await vi.waitFor(() => expect(drawn.current.value.version).toBe("v1"));
  await vi.waitFor(() => expect(drawn.current.value.saving.value).toBe(false));
  service.set("GET labels/boxes?", () => ({ labels: 0, unfinished: 0, classes: [], people: [], conflicts: [] }));
  service.set("GET labels/boxes/images", () => ({ images: [image("a.png", drawing("me", "v9", []))] }));
  await drawn.refresh();
  expect(drawn.canUndo.value).toBe(false);
  drawn.undo();
  expect(drawn.current.value.sketch.value.boxes).toEqual([]);
});

test("what the service did not take is sent again until it does", async () => {
  service.delete("POST labels/boxes"); // nobody is there
  const drawn = board([image("away.png")]);
  drawn.nothingHere();
  await vi.waitFor(() => expect(written("away.png")).toHaveLength(1));
  service.set("POST labels/boxes", () => ({ person: "me", versions: { "away.png": "v1" } }));
  await vi.waitFor(() => expect(drawn.current.value.version).toBe("v1"), 5000);
  expect(drawn.current.value.saving.value).toBe(false);
});

test("an image of somebody else is as it was when what was done to it is undone", async () => {
  const drawn = board([image("annas.png", drawing("anna", "v0"))]);
  expect(drawn.current.value.by.value).toBe("anna");
  drawn.pickNext(1);
  drawn.place([2, 2, 30, 40]);
  drawn.undo();
  await vi.waitFor(() => expect(written("annas.png").at(-1)).toMatchObject({ boxes: null }));
});

test("an image that the person is unsure of is kept, left to others, and can be come back to", async () => {
  service.set("POST labels/notes", (_, body) => ({ unsure: 1, texts: 0, notes: [], ...(body as object) }));
  service.set("POST hand-outs", () => ({ images: 1 }));
  const images = [image("a.png"), image("b.png")];
  const drawn = board(images);
  drawn.doubt();
  expect(drawn.current.value.name).toBe("b.png");
  await vi.waitFor(() =>
    expect(asked.find(({ what }) => what === "POST labels/notes")?.body).toMatchObject({
      notes: [{ name: "a.png", unsure: true, text: "" }],
    }),
  );
  expect(board(images).open.value.map(({ name }) => name)).toEqual(["b.png"]);
  const again = new Board([{ name: "a.png" }], new Map([["a.png", image("a.png")]]), async () => "mine", {
    comingBack: true,
  });
  expect(again.open.value.map(({ name }) => name)).toEqual(["a.png"]);
  again.doubt();
  expect(board(images).open.value).toHaveLength(2);
});

test("what was drawn while it was looked what is on the disk stays, though the answer knows nothing of it", async () => {
  const old = image("a.png", drawing("me", "v0"));
  const drawn = board([old, image("b.png")]);
  service.set("GET labels/boxes?", () => ({ labels: 0, unfinished: 0, classes: [], people: [], conflicts: [] }));
  const late = held({ images: [old, image("b.png", drawing("anna", "v8"))] });
  service.set("GET labels/boxes/images", late.answer);
  const looking = drawn.refresh();
  drawn.look(0);
  drawn.pickNext(1);
  drawn.place([2, 2, 30, 40]);
  await vi.waitFor(() => expect(drawn.current.value.version).toBe("v1"));
  await vi.waitFor(() => expect(drawn.current.value.saving.value).toBe(false));
  late.letGo();
  await looking;
  expect(drawn.seen.value[0]!.place).toEqual([2, 2, 30, 40]);
  expect(drawn.current.value.version).toBe("v1");
  expect(drawn.entries[1]!.by.value).toBe("anna");
});

test("what counts is shown as it was settled, and who draws otherwise may say that theirs counts, over what was seen", async () => {
  const settled = { ...drawing("_settled", "s1", []), file: "_settled.jsonl" };
  const there = { ...image("a.png", drawing("anna", "a1"), drawing("me", "m1")), settled };
  service.set("GET labels/boxes/images", () => ({ images: [there] }));
  const drawn = board([there]);
  expect(drawn.current.value.sketch.value.boxes).toEqual([]);
  expect(drawn.current.value.by.value).toBe("");
  service.set("POST labels/boxes", (_, body) =>
    (body as { settle?: boolean }).settle
      ? { person: "me", versions: { "a.png": "m2" } }
      : problem(409, "labelled_otherwise", "a.png has nothing here in _settled.jsonl"),
  );
  drawn.lastClass = "cat";
  drawn.draw([20, 20, 30, 30]);
  await vi.waitFor(() => expect(asked.at(-1)?.body).toMatchObject({ replace: ["s1", "a1"], settle: true }));
});
