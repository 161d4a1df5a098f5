// Where the points of a map lie: in the data, on the screen, and which is nearest.

import KDBush from "kdbush";
import { colouringOf, type MapResult } from "./colouring";

export interface Points {
  n: number;
  x: Float32Array;
  y: Float32Array;
  /** The number of its class, or of the first of several; -1 without a label. */
  classes: Int32Array;
}

/** What part of the plane is seen: pixels a unit, and the point in the middle of the frame. */
export interface View {
  scale: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

const MARGIN = 16;

export class Plane {
  readonly points: Points;
  private readonly index: KDBush;
  private readonly bounds: [number, number, number, number];

  constructor(result: MapResult) {
    const n = result.names.length;
    const [x, y] = [Float32Array.from(result.x), Float32Array.from(result.y)];
    this.points = { n, x, y, classes: Int32Array.from(colouringOf(result, null).of) };
    this.index = new KDBush(n, 64, Float32Array);
    for (let at = 0; at < n; at++) this.index.add(x[at]!, y[at]!);
    this.index.finish();
    this.bounds = [...extent(x), ...extent(y)];
  }

  /** All of it, zoomed and moved as d3-zoom says. */
  view(width: number, height: number, { k, x, y }: { k: number; x: number; y: number }): View {
    const [x0, x1, y0, y1] = this.bounds;
    const fit = Math.max(1e-9, Math.min((width - 2 * MARGIN) / (x1 - x0), (height - 2 * MARGIN) / (y1 - y0)));
    const scale = fit * k;
    return {
      scale,
      x: (x0 + x1) / 2 + ((width / 2 - x) / k - width / 2) / fit,
      y: (y0 + y1) / 2 + ((height / 2 - y) / k - height / 2) / fit,
      width,
      height,
    };
  }

  onScreen(view: View, at: number): [number, number] {
    const { x, y } = this.points;
    return [(x[at]! - view.x) * view.scale + view.width / 2, (y[at]! - view.y) * view.scale + view.height / 2];
  }

  inData(view: View, px: number, py: number): [number, number] {
    return [(px - view.width / 2) / view.scale + view.x, (py - view.height / 2) / view.scale + view.y];
  }

  /** The point nearest to a place on the screen; null where none is near. */
  nearest(view: View, px: number, py: number, most: number): number | null {
    const { x, y } = this.points;
    const [dataX, dataY] = this.inData(view, px, py);
    let best: number | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const at of this.index.within(dataX, dataY, most / view.scale)) {
      const distance = (x[at]! - dataX) ** 2 + (y[at]! - dataY) ** 2;
      if (distance < least) [best, least] = [at, distance];
    }
    return best;
  }

  /** The point that lies closest in a direction: along it, and not far aside. */
  next(from: number, [sx, sy]: readonly [number, number]): number | null {
    const { n, x, y } = this.points;
    let best: number | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < n; at++) {
      const [dx, dy] = [x[at]! - x[from]!, y[at]! - y[from]!];
      const along = dx * sx + dy * sy;
      const aside = Math.abs(dx * sy) + Math.abs(dy * sx);
      if (along <= 0 || aside > along || along + 2 * aside >= least) continue;
      [best, least] = [at, along + 2 * aside];
    }
    return best;
  }
}

function extent(values: Float32Array): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const one of values) {
    low = Math.min(low, one);
    high = Math.max(high, one);
  }
  return high > low ? [low, high] : [(low || 0) - 1, (low || 0) + 1];
}
