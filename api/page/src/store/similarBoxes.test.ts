import { expect, test } from "vitest";
import type { BoxesSimilar, Job } from "../service/types";
import { aProject, service } from "../testing";
import { setProject } from "./project";
import { AlikeBoxes } from "./similarBoxes";

const [one, other] = [
  { name: "a.png", box: [1, 2, 30, 40] },
  { name: "b.png", box: [5, 6, 30, 40] },
];
const found = (...items: object[]) => ({ task: "detection", items }) as unknown as BoxesSimilar;
const job = (like_boxes: object[]) => ({ request: { like_boxes, unlike_boxes: [] } }) as unknown as Job;
const { signal } = new AbortController();

test("what is marked while more are looked for stays marked when they are found", async () => {
  setProject({ ...aProject, task: "detection" });
  service.set("GET labels/boxes/images", () => ({ images: [] }));
  const boxes = new AlikeBoxes(new URLSearchParams());
  await boxes.take(found(other), job([one!]), signal); // as it was left
  expect(boxes.like.value).toEqual([one]);
  boxes.more(false);
  await boxes.take(found(other), job([one!]), signal);
  expect([boxes.like.value, boxes.unlike.value]).toEqual([[one], [other]]);
});
