import { expect, test } from "vitest";
import {
  at,
  besides,
  between,
  closeTo,
  dragged,
  fitted,
  inImage,
  inTheMiddle,
  iou,
  oneOfEach,
  type Place,
  panned,
  zoomed,
} from "./geometry";

const image = { width: 200, height: 100 };
const stage = { width: 400, height: 400 };

test("a box is drawn from any corner, and cut at the image's edge", () => {
  expect(between([50, 60], [10, 20], image)).toEqual([10, 20, 40, 40]);
  expect(between([-5, 90], [20, 300], image)).toEqual([0, 90, 20, 10]);
});

test("what is hardly a pixel is no box", () => {
  expect(between([10, 10], [10.5, 40], image)).toBeNull();
  expect(between([250, 10], [300, 40], image)).toBeNull();
});

test("a box that is moved stays in the image, and as large as it is", () => {
  expect(dragged([10, 10, 30, 20], "all", [5.5, -3], image)).toEqual([15.5, 7, 30, 20]);
  expect(dragged([10, 10, 30, 20], "all", [500, -500], image)).toEqual([170, 0, 30, 20]);
});

test.each([
  ["se", [35, 27]],
  ["nw", [25, 13]],
  ["e", [35, 20]],
  ["n", [30, 13]],
] as const)("%s moves its own sides alone", (grip, [w, h]) => {
  const [x, y, ...size] = dragged([10, 10, 30, 20], grip, [5, 7], image);
  expect(size).toEqual([w, h]);
  expect([x + w, y + h]).toEqual(grip === "se" ? [45, 37] : grip === "e" ? [45, 30] : [40, 30]);
});

test("a box never turns inside out, nor leaves the image", () => {
  expect(dragged([10, 10, 30, 20], "se", [-100, -100], image)).toEqual([10, 10, 1, 1]);
  expect(dragged([10, 10, 30, 20], "nw", [100, 100], image)).toEqual([39, 29, 1, 1]);
  expect(dragged([10, 10, 30, 20], "se", [1000, 1000], image)).toEqual([10, 10, 190, 90]);
});

test("suggestions on top of what is drawn are left out", () => {
  const drawn: Place = [0, 0, 10, 10];
  expect(iou(drawn, [0, 5, 10, 10])).toBeCloseTo(1 / 3);
  const [same, other] = [{ box: [0, 1, 10, 10] as Place }, { box: [0, 5, 10, 10] as Place }];
  expect(besides([same, other], [drawn])).toEqual([other]);
  expect(besides([same], [])).toEqual([same]);
});

test("of suggestions about one object the surest is kept, and none about what is drawn", () => {
  const [left, right]: Place[] = [
    [0, 0, 10, 10],
    [20, 0, 10, 10],
  ];
  const boxes = [
    { place: left!, score: 0.4 },
    { place: [0, 1, 10, 10] as Place, score: 0.6 },
    { place: right!, score: 0.9 },
    { place: [20, 1, 10, 10] as Place, score: null },
    { place: [0, 5, 10, 10] as Place, score: 0.1 },
  ];
  expect(oneOfEach(boxes, ({ score }) => score)).toEqual([boxes[1], boxes[3], boxes[4]]);
});

test("a click means the smallest box there", () => {
  const [large, small] = [{ place: [0, 0, 100, 100] as Place }, { place: [20, 20, 10, 10] as Place }];
  expect(at([small, large], [25, 25])).toBe(small);
  expect(at([small, large], [5, 5])).toBe(large);
  expect(at([small, large], [150, 5])).toBeNull();
});

test("all of an image is seen at first, in the middle", () => {
  expect(fitted(image, stage)).toEqual({ k: 2, x: 0, y: 100 });
});

test("zooming keeps the point under the pointer where it is, and ends at all of the image", () => {
  const first = fitted(image, stage);
  const point = [130, 190] as const;
  const close = zoomed(first, 6, point, image, stage);
  const [before, after] = [inImage(first, point), inImage(close, point)];
  expect(close.k).toBe(12);
  expect(after[0]).toBeCloseTo(before[0]);
  expect(after[1]).toBeCloseTo(before[1]);
  expect(zoomed(close, 0.001, [7, 9], image, stage)).toEqual(first);
});

test("nobody pans beyond the image", () => {
  const close = zoomed(fitted(image, stage), 10, [200, 200], image, stage);
  expect(inImage(panned(close, [1e6, 1e6], image, stage), [0, 0])).toEqual([0, 0]);
  const [x, y] = inImage(panned(close, [-1e6, -1e6], image, stage), [400, 400]);
  expect([x, y].map(Math.round)).toEqual([200, 100]);
});

test("an object of 20 pixels fills most of the stage when it is looked at closely", () => {
  const { k } = closeTo([100, 50, 20, 20], image, stage);
  expect(20 * k).toBeGreaterThan(stage.width / 2);
});

test("a box by keyboard begins in the middle of what is seen", () => {
  expect(inTheMiddle(fitted(image, stage), image, stage)).toEqual([75, 38, 50, 25]);
  const close = closeTo([100, 50, 20, 20], image, stage);
  const [x, y, w, h] = inTheMiddle(close, image, stage);
  expect([x + w / 2, y + h / 2].map(Math.round)).toEqual([110, 60]);
});
