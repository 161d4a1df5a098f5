// Whatever draws the points: the graphics card, or a plain canvas where a browser gives none.

import type { Plane, View } from "./plane";

export type Colour = [red: number, green: number, blue: number, alpha: number];

export interface Look {
  /** By image: which of the colours it has; -1 without a label. */
  of: ArrayLike<number>;
  /** By the number of the class. */
  colours: readonly Colour[];
  unlabelled: Colour;
  batch: Colour;
  chosen: Colour;
}

export interface Shown {
  view: View;
  look: Look;
  /** Rows of the batch that is being labelled. */
  batch: readonly number[];
  chosen: number;
}

export interface Painter {
  paint(shown: Shown): void;
  destroy(): void;
}

/** The graphics card's if there is one; it holds a million points. What only pretends to be one is slower than a canvas. */
export async function painterFor(canvas: HTMLCanvasElement, plane: Plane): Promise<Painter> {
  if (hasGraphics()) {
    const { DeckPainter } = await import("./deck");
    return new DeckPainter(canvas, plane);
  }
  const { CanvasPainter } = await import("./canvas");
  return new CanvasPainter(canvas, plane);
}

const IMITATIONS = /swiftshader|llvmpipe|softpipe|software|basic render/i;

function hasGraphics(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return false;
  const name = context.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER;
  const renderer = `${context.getParameter(name)}`;
  context.getExtension("WEBGL_lose_context")?.loseContext(); // a browser gives few at a time
  return !IMITATIONS.test(renderer);
}

/** Labelled points lie on top. */
export function drawingOrder({ points: { n, classes } }: Plane): Uint32Array {
  const order = new Uint32Array(n);
  let free = 0;
  for (let at = 0; at < n; at++) if (classes[at]! < 0) order[free++] = at;
  for (let at = 0; at < n; at++) if (classes[at]! >= 0) order[free++] = at;
  return order;
}

/** Of a point, in pixels. */
export function diameter(n: number, zoom: number): number {
  const at_first = n > 5000 ? 2.4 : n > 1000 ? 3.6 : 5.5;
  return Math.max(2.2, Math.min(10, at_first * Math.sqrt(zoom)));
}
