import { type Colour, diameter, drawingOrder, type Painter, type Shown } from "./painter";
import type { Plane } from "./plane";

const css = ([red, green, blue, alpha]: Colour) => `rgb(${red} ${green} ${blue} / ${alpha / 255})`;

/** Draws without a graphics card, as on remote desktops: the same picture, and slower. */
export class CanvasPainter implements Painter {
  private readonly canvas: HTMLCanvasElement;
  private readonly plane: Plane;
  private readonly order: Uint32Array;
  private frame: number | null = null;
  private shown: Shown | null = null;
  private fit = 0;

  constructor(canvas: HTMLCanvasElement, plane: Plane) {
    this.canvas = canvas;
    this.plane = plane;
    this.order = drawingOrder(plane);
  }

  paint(shown: Shown): void {
    this.shown = shown;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw(this.shown!);
    });
  }

  destroy(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
  }

  private draw({ view, look, batch, chosen }: Shown): void {
    const { canvas, plane } = this;
    const ratio = Math.min(2, devicePixelRatio || 1);
    canvas.width = view.width * ratio;
    canvas.height = view.height * ratio;
    const context = canvas.getContext("2d")!;
    context.scale(ratio, ratio);
    this.fit ||= view.scale;
    const size = diameter(plane.points.n, view.scale / this.fit);
    let last: Colour | null = null;
    for (const at of this.order) {
      const colour = look.colours[look.of[at]!] ?? look.unlabelled;
      if (colour !== last) context.fillStyle = css(colour);
      last = colour;
      const [x, y] = plane.onScreen(view, at);
      if (x > -size && y > -size && x < view.width + size && y < view.height + size) {
        context.fillRect(x - size / 2, y - size / 2, size, size);
      }
    }
    for (const at of batch) ring(context, plane.onScreen(view, at), look.batch, size / 2 + 3, 2);
    ring(context, plane.onScreen(view, chosen), look.chosen, size / 2 + 6, 3);
  }
}

function ring(
  context: CanvasRenderingContext2D,
  [x, y]: [number, number],
  colour: Colour,
  radius: number,
  width: number,
) {
  context.strokeStyle = css(colour);
  context.lineWidth = width;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}
