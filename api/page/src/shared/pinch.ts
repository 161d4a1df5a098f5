// Two fingers on an image: they zoom and move what is seen.

import type { Point } from "../boxes/geometry";
import type { Viewer } from "./viewer";

export const distance = ([ax, ay]: Point, [bx, by]: Point) => Math.hypot(ax - bx, ay - by);
const middle = ([ax, ay]: Point, [bx, by]: Point): Point => [(ax + bx) / 2, (ay + by) / 2];

/** One finger went from `before` to `now`, the other rests. */
export function pinched(viewer: Viewer, other: Point, before: Point, now: Point): void {
  viewer.zoom(distance(other, now) / Math.max(1, distance(other, before)), middle(other, before));
  viewer.pan([(now[0] - before[0]) / 2, (now[1] - before[1]) / 2]);
}

export function pointOn(stage: Element, { clientX, clientY }: { clientX: number; clientY: number }): Point {
  const { left, top } = stage.getBoundingClientRect();
  return [clientX - left, clientY - top];
}
