import { expect, test } from "vitest";
import { countInside, frameOf, lassoOf, textOf } from "./lasso";
import { Plane } from "./plane";

const result = { names: ["a", "b", "c"], x: [0, 1, 2], y: [0, 1, 2], classes: [-1, -1, -1], class_names: [] };
const plane = new Plane(result as unknown as ConstructorParameters<typeof Plane>[0]);
const view = plane.view(200, 200, { k: 1, x: 0, y: 0 });

test("a line that is drawn around a point holds that point alone", () => {
  const [x, y] = plane.onScreen(view, 1);
  const drawn = Array.from({ length: 300 }, (_, at) => {
    const angle = (at / 300) * 2 * Math.PI;
    return [x + 20 * Math.cos(angle), y + 20 * Math.sin(angle)] as const;
  });
  const lasso = lassoOf(drawn, plane, view);
  expect(lasso.length).toBeLessThanOrEqual(60);
  expect(countInside(plane, lasso)).toBe(1);
  expect(textOf(lasso).split(",").map(Number).every(Number.isFinite)).toBe(true);
});

test("all that is in sight is a line, too", () => {
  expect(countInside(plane, frameOf(plane, view))).toBe(3);
});
