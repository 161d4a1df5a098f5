// A line around points of the map, in the address and to the service: `x,y,x,y,...` in the units of the map.

import type { Plane, View } from "./plane";

export type Corner = readonly [number, number];
const MOST = 60; // corners; a hand draws hundreds
const NEAR_PX = 5; // closer ones are one

/** The corners on the screen, fewer of them, in the map's own units. */
export function lassoOf(drawn: readonly Corner[], plane: Plane, view: View): Corner[] {
  const each = Math.ceil(drawn.length / MOST);
  return drawn.filter((_, at) => at % each === 0).map(([x, y]) => plane.inData(view, x, y));
}

/** All that is in sight. */
export function frameOf(plane: Plane, view: View): Corner[] {
  const { width, height } = view;
  const corners = [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ] as const;
  return corners.map(([x, y]) => plane.inData(view, x, y));
}

export const textOf = (corners: readonly Corner[]) =>
  corners.flatMap((corner) => corner.map((one) => Number(one.toPrecision(6)))).join(",");

/** Whether a hand that moved there has drawn on. */
export const isFarther = (drawn: readonly Corner[], [x, y]: Corner) => {
  const last = drawn.at(-1);
  return !last || Math.hypot(x - last[0], y - last[1]) >= NEAR_PX;
};

/** How many points lie inside; by even and odd, as the service counts. */
export function countInside({ points: { n, x, y } }: Plane, corners: readonly Corner[]): number {
  let count = 0;
  for (let at = 0; at < n; at++) if (isInside(x[at]!, y[at]!, corners)) count++;
  return count;
}

function isInside(x: number, y: number, corners: readonly Corner[]): boolean {
  let within = false;
  for (let at = 0; at < corners.length; at++) {
    const [x0, y0] = corners[at]!;
    const [x1, y1] = corners[(at + 1) % corners.length]!;
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) within = !within;
  }
  return within;
}
