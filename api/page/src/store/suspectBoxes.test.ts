import { expect, test, vi } from "vitest";
import type { SuspectBox } from "../service/types";
import { aProject, asked, held, problem, service } from "../testing";
import type { GivenBox } from "./drawings";
import { toasts } from "./notices";
import { setProject } from "./project";
import { BoxDesk, changed, idOf } from "./suspectBoxes";

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

/** A folder in which anna drew, and what is settled there can be changed by others, too. */
function served(others: readonly { boxes: readonly GivenBox[] }[] = []) {
  const size = { width: 90, height: 90 };
  const people = [{ boxes: now }, ...others].map(({ boxes }, i) => {
    const person = ["anna", "ben"][i]!;
    return { person, file: `boxes-${person}.jsonl`, version: `${person}1`, boxes, unfinished: false, ...size };
  });
  const folder = { settled: null as readonly GivenBox[] | null, version: 1 };
  service.set("GET labels/boxes/images", () => {
    const settled = folder.settled && { ...people[0], person: null, file: "_settled.jsonl", boxes: folder.settled };
    return { images: [{ name: "a.png", ...size, settled, version: `v${folder.version}`, drawings: people }] };
  });
  service.set("POST labels/boxes/settle", (_, body) => {
    const { boxes, version } = (body as { images: [{ boxes: readonly GivenBox[]; version: string }] }).images[0];
    if (version !== `v${folder.version}`) return problem(409, "boxes_changed", "a.png was changed meanwhile");
    folder.settled = boxes;
    folder.version++;
    return { versions: { "a.png": `v${folder.version}` } };
  });
  return folder;
}

const idle = async (desk: BoxDesk, done: number) => vi.waitFor(() => expect(desk.done.value.size).toBe(done));
const settling = () =>
  asked.flatMap(({ what, body }) =>
    what === "POST labels/boxes/settle" ? (body as { images: { version: string }[] }).images : [],
  );

test("what somebody else settled since is not undone", async () => {
  setProject(aProject);
  const folder = served();
  const desk = new BoxDesk({ items: [suspect({})], thresholds: {} } as never);
  desk.change();
  await vi.waitFor(() => expect(folder.version).toBe(2));
  Object.assign(folder, { settled: [now[1]], version: 7 });
  desk.undo();
  await vi.waitFor(() => expect(settling().map(({ version }) => version)).toEqual(["v1", "v2"]));
  await vi.waitFor(() => expect(toasts.value.some(({ kind }) => kind === "bad")).toBe(true));
  expect(folder.settled).toEqual([now[1]]);
  expect(desk.done.value.size).toBe(1);
});

test("two changes on one image are undone one after another, on an image of the size that they were seen on", async () => {
  setProject(aProject);
  const folder = served();
  const items = [suspect({}), suspect({ class: "cat", box: [1, 2, 30, 40] })];
  const desk = new BoxDesk({ items, thresholds: {} } as never);
  desk.change();
  desk.change();
  await vi.waitFor(() => expect(folder).toEqual({ settled: [], version: 3 }));
  desk.undo();
  desk.undo();
  await idle(desk, 0);
  expect(folder.settled).toBeNull();
  expect(settling().map(({ version }) => version)).toEqual(["v1", "v2", "v3", "v4"]);
  expect(settling()[2]).toMatchObject({ boxes: [now[0]], width: 90, height: 90 });
});

test("what people contradict each other about is not settled unseen", async () => {
  setProject(aProject);
  const folder = served([{ boxes: [] }]);
  const counts = { labels: 1, classes: [], people: [], settled: [] };
  service.set("GET labels/boxes", () => ({ ...counts, conflicts: [{ name: "a.png", said: {} }] }));
  const desk = new BoxDesk({ items: [suspect({})], thresholds: {} } as never);
  desk.change();
  await idle(desk, 0);
  expect(toasts.value.at(-1)?.text).toMatch(/settle first/);
  expect([folder.settled, settling()]).toEqual([null, []]);
});
