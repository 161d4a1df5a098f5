import { beforeEach, expect, test, vi } from "vitest";
import { aProject, asked, held, service } from "../testing";
import { survey } from "./drawings";
import { counts, load, move, moveBox, total } from "./labels";
import { allSaved, give, underWay } from "./outbox";
import { setProject } from "./project";

const view = (labels: number) => ({ labels, classes: [{ class: "red", labels }], people: [] });
const looks = () => asked.filter(({ what }) => what.startsWith("GET labels?")).length;

beforeEach(async ({ task }) => {
  setProject({ ...aProject, labels: `/data/${task.id}` });
  service.set("POST labels", () => ({ path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {} }));
  service.set("GET labels?", () => view(4));
  await load([]);
});

test("a label that is given while labels are counted counts, and they are counted anew once it is on the disk", async () => {
  const late = held(view(4));
  service.set("GET labels?", late.answer);
  const counting = load([]);
  move(null, ["red"]);
  void give([{ name: "a.png", class: "red" }]);
  late.letGo();
  service.set("GET labels?", () => view(6)); // somebody else's, too
  const before = looks();
  await counting;
  expect([total.value, counts.value.get("red")]).toEqual([5, 5]);
  await allSaved();
  await vi.waitFor(() => expect([total.value, counts.value.get("red")]).toEqual([6, 6]));
  expect(looks()).toBe(before + 1);
});

test("an older count does not take the place of a newer one", async () => {
  const late = held(view(1));
  service.set("GET labels?", late.answer);
  const older = load([]);
  service.set("GET labels?", () => view(7));
  await load([]);
  late.letGo();
  await older;
  expect(total.value).toBe(7);
});

test("what is drawn while boxes are counted counts, and they are counted anew once it is on the disk", async () => {
  const late = held(view(4));
  service.set("GET labels/boxes", late.answer);
  const surveying = survey(new AbortController().signal);
  moveBox(null, "red");
  const written = held({});
  void underWay(written.answer());
  late.letGo();
  service.set("GET labels/boxes", () => view(6)); // somebody else's, too
  await surveying;
  expect(counts.value.get("red")).toBe(5);
  written.letGo();
  await vi.waitFor(() => expect([total.value, counts.value.get("red")]).toEqual([6, 6]));
});
