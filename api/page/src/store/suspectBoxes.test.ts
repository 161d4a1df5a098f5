import { expect, test, vi } from "vitest";
import { aProject, asked, held, service } from "../testing";
import type { GivenBox } from "./drawings";
import { setProject } from "./project";
import { BoxDesk, changed, idOf, type SuspectBox } from "./suspectBoxes";

const now: GivenBox[] = [
  { class: "cat", box: [1, 2, 30, 40] },
  { class: "dog", box: [50, 10, 20, 20] },
];
const suspect = (more: Partial<SuspectBox>): SuspectBox => ({
  rank: 1,
  name: "a.png",
  suspicion: "spurious",
  class: "dog",
  suggested: null,
  box: [50, 10.01, 20, 20],
  predicted_box: null,
  score: 0.5,
  reason: "",
  ...more,
});

test.each([
  ["spurious", {}, [now[0]]],
  ["swapped", { suggested: "cat" }, [now[0], { class: "cat", box: [50, 10, 20, 20] }]],
  [
    "badly_placed",
    { suggested: "dog", predicted_box: [52, 10, 20, 20] },
    [now[0], { class: "dog", box: [52, 10, 20, 20] }],
  ],
  [
    "overlooked",
    { class: null, box: null, suggested: "cow", predicted_box: [0, 0, 9, 9] },
    [...now, { class: "cow", box: [0, 0, 9, 9] }],
  ],
] as const)("what is %s is put right", (suspicion, more, wanted) => {
  expect(changed(suspect({ suspicion, ...more } as Partial<SuspectBox>), now)).toEqual(wanted);
});

test("a box that was moved meanwhile is left alone", () => {
  expect(changed(suspect({ box: [51, 10, 20, 20] }), now)).toBeNull();
  expect(changed(suspect({ class: "cat" }), now)).toBeNull();
});

test("the same doubt is known again", () => {
  expect(idOf(suspect({ rank: 7, score: 0.1 }))).toBe(idOf(suspect({})));
  expect(idOf(suspect({ suspicion: "swapped" }))).not.toBe(idOf(suspect({})));
});

test("where no class has a threshold, that no box looks wrong can't be told", () => {
  const told = (thresholds: Record<string, number | null>) => new BoxDesk({ items: [], thresholds } as never).canTell;
  expect(told({ cat: null, dog: null })).toBe(false);
  expect(told({ cat: null, dog: 0.4 })).toBe(true);
});

test("what was kept while a change was written is what undo takes back first", async () => {
  setProject(aProject);
  const drawing = { person: "me", file: "boxes-me.jsonl", version: "v1", boxes: now, unfinished: false };
  service.set("GET labels/boxes/images", () => ({
    images: [{ name: "a.png", width: 90, height: 90, settled: null, version: "v1", drawings: [drawing] }],
  }));
  const late = held({ person: "me", versions: { "a.png": "v2" } });
  service.set("POST labels/boxes", late.answer);
  const [first, second] = [suspect({}), suspect({ name: "b.png" })];
  const desk = new BoxDesk({ items: [first, second], thresholds: {} } as never);
  desk.change();
  desk.keep();
  await vi.waitFor(() => expect(asked.some(({ what }) => what === "POST labels/boxes")).toBe(true));
  late.letGo();
  desk.undo();
  await vi.waitFor(() => expect([...desk.done.value.keys()]).toEqual([idOf(first)]));
});

test("what others drew is put right as what is settled, which undo opens again, and nobody's file is written", async () => {
  setProject(aProject);
  const drawing = { person: "anna", file: "boxes-anna.jsonl", version: "a1", boxes: now, unfinished: false };
  const image = { name: "a.png", width: 90, height: 90, drawings: [{ ...drawing, width: 90, height: 90 }] };
  let settled: unknown = null;
  service.set("GET labels/boxes/images", () => ({ images: [{ ...image, settled, version: settled ? "v2" : "v1" }] }));
  service.set("POST labels/boxes/settle", (_, body) => {
    const { boxes } = (body as { images: [{ boxes: unknown }] }).images[0];
    settled = boxes && { ...drawing, person: "_settled", file: "_settled.jsonl", boxes };
    return { versions: { "a.png": settled ? "v2" : "v1" } };
  });
  const desk = new BoxDesk({ items: [suspect({})], thresholds: {} } as never);
  desk.change();
  await vi.waitFor(() => expect(settled).toMatchObject({ boxes: [now[0]] }));
  desk.undo();
  await vi.waitFor(() => expect(settled).toBeNull());
  const written = asked.filter(({ what }) => what.startsWith("POST labels")).map(({ body }) => body);
  expect(written).toMatchObject([
    { images: [{ boxes: [now[0]], version: "v1" }] },
    { images: [{ boxes: null, version: "v2" }] },
  ]);
});
