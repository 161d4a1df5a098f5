import { beforeEach, expect, test } from "vitest";
import { aProject, service } from "../testing";
import { setProject } from "./project";
import { apart, keepApart, loadApart } from "./validation";

const told = (images: number, labelled = 0) => ({
  path_to_labels: "/data/labels",
  images,
  labelled,
  names: Array.from({ length: images }, (_, index) => `${index}.png`),
  most: 30,
});

/** Answers that come when they are told to, in whatever order. */
function slow(what: string): ((answer: unknown) => void)[] {
  const waiting: ((answer: unknown) => void)[] = [];
  service.set(what, () => new Promise((resolve) => waiting.push(resolve)));
  return waiting;
}

beforeEach(() => {
  setProject(aProject);
  apart.value = null;
});

test("the newest answer stays, however late an older one comes, and what was there is not taken away meanwhile", async () => {
  service.set("GET labels/validation", () => told(4));
  await loadApart();
  const answers = slow("GET labels/validation");
  const both = [loadApart(), loadApart()];
  expect(apart.value?.images).toBe(4);
  answers[1]!(told(4, 2));
  await both[1];
  answers[0]!(told(4, 1));
  await both[0];
  expect(apart.value?.labelled).toBe(2);
});

test("what was asked before images were kept apart does not undo it", async () => {
  const answers = slow("GET labels/validation");
  service.set("POST labels/validation", () => told(6));
  const before = loadApart();
  await keepApart(6);
  answers[0]!(told(0));
  await before;
  expect(apart.value?.images).toBe(6);
});

test("what is kept apart in another project is not taken for this one's", async () => {
  service.set("GET labels/validation", () => told(4));
  await loadApart();
  setProject({ ...aProject, labels: "/data/others" });
  const answers = slow("GET labels/validation");
  const asked = loadApart();
  expect(apart.value).toBe(null);
  answers[0]!(told(0));
  await asked;
});
