import { Deck, OrthographicView } from "@deck.gl/core";
import { ScatterplotLayer } from "@deck.gl/layers";
import { type Colour, diameter, drawingOrder, type Look, type Painter, type Shown } from "./painter";
import type { Plane } from "./plane";

/** Draws on the graphics card. The view is moved by whoever calls: this only paints. */
export class DeckPainter implements Painter {
  private readonly plane: Plane;
  private readonly deck: Deck<OrthographicView>;
  private readonly order: Uint32Array;
  private readonly positions: Float32Array;
  private colours: { look: Look; values: Uint8ClampedArray } | null = null;
  private fit = 0;

  constructor(canvas: HTMLCanvasElement, plane: Plane) {
    const { n, x, y } = plane.points;
    this.plane = plane;
    this.order = drawingOrder(plane);
    this.positions = new Float32Array(2 * n);
    this.order.forEach((at, place) => {
      this.positions[2 * place] = x[at]!;
      this.positions[2 * place + 1] = y[at]!;
    });
    this.deck = new Deck({
      canvas,
      width: "100%",
      height: "100%",
      views: new OrthographicView({ id: "plane", flipY: true }),
      controller: false,
      viewState: { target: [0, 0, 0], zoom: 0 },
      getCursor: () => "inherit",
    });
  }

  paint({ view, look, batch, chosen }: Shown): void {
    this.fit ||= view.scale;
    const size = diameter(this.plane.points.n, view.scale / this.fit);
    this.deck.setProps({
      viewState: { target: [view.x, view.y, 0], zoom: Math.log2(view.scale) },
      layers: [
        new ScatterplotLayer({
          id: "points",
          data: {
            length: this.order.length,
            attributes: {
              getPosition: { value: this.positions, size: 2 },
              getFillColor: { value: this.coloursFor(look), size: 4 },
            },
          },
          radiusUnits: "pixels",
          getRadius: size / 2,
        }),
        this.ring("batch", batch, look.batch, size / 2 + 3, 2),
        this.ring("chosen", [chosen], look.chosen, size / 2 + 6, 3),
      ],
    });
  }

  destroy(): void {
    this.deck.finalize();
  }

  private ring(id: string, rows: readonly number[], colour: Colour, radius: number, width: number) {
    const { x, y } = this.plane.points;
    return new ScatterplotLayer<number>({
      id,
      data: [...rows],
      getPosition: (at) => [x[at]!, y[at]!],
      radiusUnits: "pixels",
      lineWidthUnits: "pixels",
      filled: false,
      stroked: true,
      getRadius: radius,
      getLineWidth: width,
      getLineColor: colour,
      updateTriggers: { getLineColor: colour },
    });
  }

  private coloursFor(look: Look): Uint8ClampedArray {
    if (this.colours?.look !== look) {
      const values = new Uint8ClampedArray(4 * this.order.length);
      this.order.forEach((at, place) => {
        values.set(look.colours[look.of[at]!] ?? look.unlabelled, 4 * place);
      });
      this.colours = { look, values };
    }
    return this.colours.values;
  }
}
