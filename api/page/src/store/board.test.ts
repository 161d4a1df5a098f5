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
  ...{ name, drawings, settled: null, settled_by: null, version: drawings.map(({ version }) => version).join() },
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

test("a class that is typed before a box is drawn asks for the box", () => {
  board([image("a.png")]).name("king");
  expect(toasts.value.at(-1)?.text).toMatch(/^Draw a box first/);
});

test("without a class that a key stands for, a proposal asks for one to be typed", () => {
  board([image("a.png")], proposals).accept();
  expect(toasts.value.at(-1)?.text).toMatch(/press c and type one/);
});

test("an n of a class's name, typed where it is no field, takes no box away that is drawn", () => {
  const drawn = board([image("a.png")], proposals);
  drawn.draw([20, 20, 30, 30]);
  drawn.nothingByKey();
  expect(drawn.pickedBox.value?.place).toEqual([20, 20, 30, 30]);
  expect(toasts.value.at(-1)?.text).toMatch(/1 box has no class yet/);
  drawn.name("king");
  drawn.nothingByKey();
  expect(drawn.current.value.sketch.value.finished).toBe(false);
  expect(drawn.pickedBox.value).toMatchObject({ class: "king", place: [20, 20, 30, 30] });
  expect(toasts.value.at(-1)?.text).toMatch(/1 box is drawn here: the button “Nothing here” removes it/);
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

/** The files about a.png, as the service keeps them: who finishes otherwise than others, or than what is settled, is refused. */
function files(drawn: Record<string, (typeof cat)[] | null>) {
  const there = new Map(Object.entries(drawn).filter(([, boxes]) => boxes !== null));
  const lines = (person: string) => JSON.stringify(there.get(person) ?? "");
  const view = (): ImageBoxes => {
    const all = [...there.keys()].map((person) => drawing(person, lines(person), there.get(person)!));
    const version = JSON.stringify([...there]);
    return {
      ...image("a.png", ...all.filter(({ person }) => person !== "_settled")),
      version,
      settled: all.find(({ person }) => person === "_settled") ?? null,
    };
  };
  const put = (person: string, boxes: (typeof cat)[] | null) =>
    boxes ? there.set(person, boxes) : there.delete(person);
  const changed = () => problem(409, "boxes_changed", "a.png was changed meanwhile");
  service.set("GET labels/boxes?", () => ({ labels: 1, unfinished: 0, classes: [], people: [], conflicts: [] }));
  service.set("GET labels/boxes/images", () => ({ images: [view()] }));
  service.set("POST labels/boxes", (path, body) => {
    const { images, settle, replace, keep_both } = body as Body;
    const { boxes, version, settled, unfinished } = images[0]!;
    if (path.endsWith("settle")) {
      if (version !== view().version) return changed();
      put("_settled", boxes);
      return { versions: { "a.png": view().version } };
    }
    if (version !== (there.has("me") ? lines("me") : "")) return changed();
    if (boxes && !unfinished && settled !== (there.has("_settled") ? lines("_settled") : "")) return changed();
    const others = [...there.keys()].filter((one) => one !== "me" && lines(one) !== JSON.stringify(boxes));
    const isRefused = boxes && !unfinished && !keep_both && others.some((one) => !replace?.includes(lines(one)));
    if (isRefused) return problem(409, "labelled_otherwise", "a.png has something else");
    put("me", boxes);
    if (settle && others.length) put("_settled", boxes);
    return { person: "me", versions: { "a.png": boxes ? lines("me") : "" } };
  });
  return { view, put, says: (person: string) => there.get(person)?.map(({ box }) => box[0]) ?? null };
}
interface Body {
  images: { boxes: (typeof cat)[] | null; version: string; settled?: string; unfinished?: boolean }[];
  settle?: boolean;
  replace?: string[];
  keep_both?: boolean;
}
const catAt = (x: number) => ({ ...cat, box: [x, 2, 30, 40] as [number, number, number, number] });

/** A board of a.png, and how often it asked. */
function boardOf(disk: ReturnType<typeof files>, decision: Decision = "mine") {
  const decide = vi.fn(async () => decision);
  const drawn = new Board([{ name: "a.png" }], new Map([["a.png", disk.view()]]), decide);
  const saved = () =>
    vi.waitFor(
      () => expect([drawn.current.value.saving.value, drawn.current.value.wanted]).toEqual([false, undefined]),
      5000,
    );
  const moved = async (x: number) => {
    drawn.pickNext(1);
    drawn.place([x, 2, 30, 40], `to ${x}`);
    drawn.pick(null);
    await saved();
  };
  const undone = async () => {
    drawn.undo();
    await saved();
  };
  return { drawn, decide, saved, moved, undone };
}

test("undo of what was said to count opens the question again, and one's own file is as it was", async () => {
  const disk = files({ anna: [catAt(1)] });
  const { drawn, saved, undone } = boardOf(disk);
  drawn.pickNext(1);
  drawn.remove();
  await saved();
  expect([disk.says("_settled"), disk.says("me"), disk.says("anna")]).toEqual([[], [], [1]]);
  expect(drawn.current.value.by.value).toBe("");
  await undone();
  expect([disk.says("_settled"), disk.says("me"), disk.says("anna")]).toEqual([null, null, [1]]);
  expect(drawn.seen.value).toHaveLength(1);
  drawn.redo();
  await saved();
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[], []]);
});

test("one's own drawing that was kept beside another's is there again when what was said to count is undone", async () => {
  const disk = files({ anna: [catAt(1)], me: [catAt(60)] });
  const { moved, undone, decide } = boardOf(disk);
  await moved(61);
  expect(disk.says("_settled")).toEqual([61]);
  await undone();
  expect([disk.says("_settled"), disk.says("me")]).toEqual([null, [60]]);
  expect(decide).toHaveBeenCalledTimes(1);
});

test("what is changed after it was said to count counts, too, and is not asked about again", async () => {
  const disk = files({ anna: [catAt(1)] });
  const { drawn, moved, undone, decide } = boardOf(disk);
  await moved(60);
  await drawn.refresh();
  await moved(61);
  await moved(62);
  expect(disk.says("_settled")).toEqual([62]);
  expect(decide).toHaveBeenCalledTimes(1);
  await undone();
  expect(disk.says("_settled")).toEqual([61]);
});

test("a change of what is settled counts, however small, and leaves one's own drawing that lost alone", async () => {
  const disk = files({ anna: [catAt(1)], me: [catAt(60)], _settled: [catAt(1)] });
  const { drawn, moved, undone, saved, decide } = boardOf(disk);
  await moved(2);
  await moved(3);
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[3], [60]]);
  expect(drawn.current.value.by.value).toBe("");
  await undone();
  expect(disk.says("_settled")).toEqual([2]);
  drawn.redo();
  await saved();
  expect(disk.says("_settled")).toEqual([3]);
  drawn.takeBack();
  await saved();
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[1], [60]]);
  expect(decide).not.toHaveBeenCalled();
});

test("all that was said to count is taken back at once, and what others said is open again", async () => {
  const disk = files({ anna: [catAt(1)] });
  const { drawn, moved, saved } = boardOf(disk);
  await moved(60);
  await moved(61);
  drawn.takeBack();
  await saved();
  expect([disk.says("_settled"), disk.says("me"), disk.says("anna")]).toEqual([null, null, [1]]);
});

test("what was settled otherwise since it was seen is asked about, and is there again by undo", async () => {
  const disk = files({ anna: [catAt(1)], me: [catAt(60)], _settled: [catAt(1)] });
  const { moved, undone, decide } = boardOf(disk);
  disk.put("_settled", [catAt(30)]);
  await moved(2);
  expect(decide).toHaveBeenCalledWith(expect.anything(), [], true);
  expect(disk.says("_settled")).toEqual([2]);
  await undone();
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[30], [60]]);
});

test("what was settled while an image was drawn on is changed where a person says so, and their own file is not", async () => {
  const disk = files({ anna: [catAt(1)], me: [catAt(60)] });
  const { moved, undone, decide } = boardOf(disk);
  disk.put("_settled", [catAt(1)]);
  await moved(61);
  expect(decide).toHaveBeenCalledTimes(1);
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[61], [60]]);
  await undone();
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[1], [60]]);
});

test("what was settled meanwhile is taken where a person says so, and undo settles theirs", async () => {
  const disk = files({ anna: [catAt(1)], me: [catAt(60)] });
  const { drawn, moved, undone } = boardOf(disk, "theirs");
  disk.put("_settled", [catAt(1)]);
  await moved(61);
  expect(disk.says("_settled")).toEqual([1]);
  expect(drawn.seen.value.map(({ place }) => place[0])).toEqual([1]);
  await undone();
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[61], [60]]);
});

test("what was settled meanwhile is asked about, also where nothing contradicts it", async () => {
  const disk = files({ me: [catAt(60)] });
  const { moved, decide } = boardOf(disk);
  disk.put("_settled", [catAt(61)]); // as is drawn now
  await moved(61);
  expect(decide).toHaveBeenCalledWith(expect.anything(), [], true);
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[61], [60]]);
});

test("one's own drawing is kept in one's own file where a person says so, and what was settled meanwhile counts", async () => {
  const disk = files({ anna: [catAt(1)], me: [catAt(60)] });
  const { drawn, moved, undone, decide } = boardOf(disk, "both");
  disk.put("_settled", [catAt(1)]);
  await moved(61);
  expect([disk.says("_settled"), disk.says("me"), disk.says("anna")]).toEqual([[1], [61], [1]]);
  expect(drawn.current.value.by.value).toBe("");
  expect(drawn.seen.value.map(({ place }) => place[0])).toEqual([1]);
  await undone(); // nothing: what is settled stays so
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[1], [61]]);
  disk.put("_settled", [catAt(30)]);
  await moved(2);
  expect([disk.says("_settled"), disk.says("me")]).toEqual([[30], [2]]);
  expect(decide).toHaveBeenCalledTimes(2);
});

test("by its key nothing is said to be where boxes were settled: the button says it", async () => {
  const disk = files({ anna: [catAt(1)], _settled: [catAt(1)] });
  const { drawn } = boardOf(disk);
  drawn.nothingByKey();
  expect(drawn.seen.value).toHaveLength(1);
  drawn.nothingHere();
  await vi.waitFor(() => expect(disk.says("_settled")).toEqual([]));
});
