import { beforeEach, expect, test } from "vitest";
import { aProject, held, service } from "../testing";
import { Browse } from "./browse";
import { allSaved } from "./outbox";
import { setProject } from "./project";

const NAMES = ["a.png", "b.png"];
const on = new Map<string, string>(); // the disk
const page = () => ({
  view: "v",
  total: NAMES.length,
  listed_at: "2026-01-01T00:00:00Z",
  cross_validated: null,
  data: NAMES.map((name) => ({ name, classes: on.has(name) ? [on.get(name)] : null, person: null, disputed: false })),
});
const browse = () => new Browse({}, null, new AbortController().signal, async () => "leave");

beforeEach(() => {
  on.clear();
  setProject({ ...aProject, copies: false, task: "classification" });
});

test("an answer from before a label was written does not take the label off the page", async () => {
  let arrive: (() => void) | undefined;
  service.set("GET pool", page);
  service.set("POST labels", () => {
    on.set("a.png", "red");
    return { path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {} };
  });
  const images = browse();
  images.want(0, 2);
  await expect.poll(() => images.total).toBe(2);

  const old = page();
  service.set("GET pool", () => new Promise((resolve) => (arrive = () => resolve(old))));
  const refreshed = images.refresh();
  await expect.poll(() => arrive).toBeDefined();
  service.set("GET pool", page);
  await images.give("red");
  await allSaved();
  arrive?.();
  await refreshed;
  expect(images.image(0)?.classes).toEqual(["red"]);
});

test("labels are not taken for looked at while a list is on its way that was asked for before, nor while some are given", async () => {
  const late = held(page());
  service.set("GET pool", late.answer);
  const images = browse();
  images.want(0, 2);
  expect(await images.refresh()).toBe(false);
  late.letGo();
  await expect.poll(() => images.total).toBe(2);
  expect(await images.refresh()).toBe(true);
  service.set("POST labels", () => ({ path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {} }));
  const given = images.give("red");
  expect(await images.refresh()).toBe(false);
  await given;
});
