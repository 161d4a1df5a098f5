import { expect, test } from "vitest";
import type { Results } from "../service/types";
import { drawingOrder } from "./painter";
import { Plane } from "./plane";

const AT_FIRST = { k: 1, x: 0, y: 0 };
const plane = new Plane({
  names: ["a", "b", "c", "d"],
  x: [0, 10, 10, 0],
  y: [0, 0, 10, 10],
  classes: [0, -1, 1, -1],
} as unknown as Results["map"]);

test("all points lie in the frame at first, and what was under the pointer stays there when zoomed", () => {
  const view = plane.view(400, 300, AT_FIRST);
  for (let at = 0; at < 4; at++) {
    const [x, y] = plane.onScreen(view, at);
    expect(x >= 0 && x <= 400 && y >= 0 && y <= 300).toBe(true);
  }
  const [x, y] = plane.onScreen(view, 2);
  const [zoomedX, zoomedY] = plane.onScreen(plane.view(400, 300, { k: 3, x: x - 3 * x, y: y - 3 * y }), 2);
  expect(zoomedX).toBeCloseTo(x);
  expect(zoomedY).toBeCloseTo(y);
});

test("the nearest point is found, and none where none is near", () => {
  const view = plane.view(400, 300, AT_FIRST);
  const [x, y] = plane.onScreen(view, 3);
  expect(plane.nearest(view, x + 5, y - 5, 18)).toBe(3);
  expect(plane.nearest(view, 200, 150, 18)).toBe(null);
});

test("a step goes to the closest point in its direction, and nowhere at the edge", () => {
  expect(plane.next(0, [1, 0])).toBe(1);
  expect(plane.next(1, [0, 1])).toBe(2);
  expect(plane.next(2, [1, 0])).toBe(null);
});

test("labelled points are drawn last, so that they lie on top", () => {
  expect([...drawingOrder(plane)]).toEqual([1, 3, 0, 2]);
});
