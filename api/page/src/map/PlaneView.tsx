import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { hsl } from "d3-color";
import { select } from "d3-selection";
import { type D3ZoomEvent, type ZoomBehavior, zoom, zoomIdentity } from "d3-zoom";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Kbd } from "../shared/Kbd";
import { useKeys } from "../shared/keyboard";
import { toneOf } from "../store/labels";
import { attempt, say, tell } from "../store/notices";
import { isBoxes } from "../store/project";
import { go } from "../store/route";
import { words } from "../words";
import { type Colouring, colouringOf, isOfBoxes, type MapResult, toSimilar, whatIs } from "./colouring";
import { type Corner, countInside, frameOf, isFarther, lassoOf, textOf } from "./lasso";
import { MapSide } from "./MapSide";
import { type Colour, type Look, type Painter, painterFor } from "./painter";
import { Plane, type View } from "./plane";

const NEAR_PX = 18;
const NEAR_FINGER_PX = 28;
const EDGE_PX = 24;
const STEP = 1.5;
const DIRECTIONS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
type Zoom = ZoomBehavior<HTMLDivElement, unknown>;

/** The points, and the image of the one under the pointer. A click, a tap or Enter holds it. */
export function PlaneView({ result, batch, job }: { result: MapResult; batch: readonly string[]; job: string }) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const by = useSignal<number | null>(null);
  const colouring = useComputed(() => colouringOf(result, by.value));
  const plane = useMemo(() => new Plane(result), [result]);
  const zooming = useMemo<Zoom>(
    () => zoom<HTMLDivElement, unknown>().scaleExtent([0.5, 400]).clickDistance(4),
    [plane],
  );
  const ringed = useMemo(() => rowsOf(result.names, batch), [result, batch]);
  const at = useSignal(ringed[0] ?? 0);
  const held = useSignal(false);
  /** Whether the next drag draws a lasso, and what of it is drawn. */
  const isLasso = useSignal(false);
  const drawn = useSignal<readonly Corner[] | null>(null);
  const painter = useSignal<Painter | null>(null);
  const transform = useSignal(zoomIdentity);
  const size = useSignal({ width: 1, height: 1 });
  const dark = useSignal(scheme().matches);
  const view = useComputed<View>(() => plane.view(size.value.width, size.value.height, transform.value));
  const look = useComputed<Look>(() => lookOf(colouring.value, dark.value));

  useEffect(() => {
    const box = place.current!;
    let gone = false;
    const resized = new ResizeObserver(() => {
      size.value = { width: box.clientWidth, height: box.clientHeight };
    });
    const toScheme = () => {
      dark.value = scheme().matches;
    };
    resized.observe(box);
    scheme().addEventListener("change", toScheme);
    zooming.on("zoom", (event: D3ZoomEvent<HTMLDivElement, unknown>) => {
      transform.value = event.transform;
    });
    const usual = zooming.filter();
    zooming.filter(function (event, datum) {
      const draws = event.type !== "wheel" && (isLasso.peek() || event.shiftKey);
      return !(draws && !isBoxes()) && usual.call(this, event, datum);
    });
    select(box).call(zooming).on("dblclick.zoom", null);
    void attempt(async () => {
      const made = await painterFor(canvas.current!, plane);
      if (gone) made.destroy();
      else painter.value = made;
    });
    return () => {
      gone = true;
      resized.disconnect();
      scheme().removeEventListener("change", toScheme);
      select(box).on(".zoom", null);
      painter.value?.destroy();
    };
  }, [plane]);

  useSignalEffect(() => {
    painter.value?.paint({ view: view.value, look: look.value, batch: ringed, chosen: at.value });
  });

  const under = (event: MouseEvent, most: number) => {
    const { left, top } = place.current!.getBoundingClientRect();
    return plane.nearest(view.value, event.clientX - left, event.clientY - top, most);
  };
  const hold = (found: number | null) => {
    held.value = found !== null && !(held.value && found === at.value);
    if (found === null) return;
    at.value = found;
    say(words.map.said(result.names[found]!, whatIs(result, found)));
  };
  const closer = (factor: number) => select(place.current!).call(zooming.scaleBy, factor);
  const all = () => select(place.current!).call(zooming.transform, zoomIdentity);
  const step = (direction: readonly [number, number]) => {
    const found = plane.next(at.value, direction);
    if (found === null) return;
    held.value = false;
    hold(found);
    const [x, y] = plane.onScreen(view.value, found);
    const { width, height } = size.value;
    const outside = x < EDGE_PX || y < EDGE_PX || x > width - EDGE_PX || y > height - EDGE_PX;
    if (outside)
      select(place.current!).call(zooming.translateBy, ...shift([width / 2 - x, height / 2 - y], transform.value.k));
  };

  /** Lists the images inside a line in Browse. */
  const list = (corners: readonly Corner[]) => {
    isLasso.value = false;
    drawn.value = null;
    if (!countInside(plane, corners)) return tell(words.map.nothingInside);
    go("browse", { of_job: job, lasso: textOf(corners) });
  };
  const listInSight = () => list(frameOf(plane, view.value));
  const spot = (event: PointerEvent): Corner => {
    const { left, top } = place.current!.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  useKeys((key) => {
    const onPlane = [place.current, document.body, document.getElementById("main")].includes(
      document.activeElement as HTMLDivElement,
    );
    const direction = DIRECTIONS[key];
    if (direction && onPlane) step(direction);
    else if (key === "Enter" && onPlane) hold(at.value);
    else if (key === "Escape") {
      held.value = false;
      isLasso.value = false;
      drawn.value = null;
    } else if (key === "+" || key === "=") closer(STEP);
    else if (key === "-" || key === "−") closer(1 / STEP);
    else if (key === "0") all();
    else if (key === "l" && !isBoxes()) listInSight();
    else if (key === "m") go("similar", toSimilar(result, at.value));
    else return false;
    return true;
  });

  return (
    <div class="map-bench">
      <div class="plane-frame">
        <div
          class={["plane", held.value && "held", isLasso.value && "drawing"].filter(Boolean).join(" ")}
          ref={place}
          tabIndex={0}
          role="application"
          aria-roledescription={words.map.role}
          aria-label={words.map.plane(plane.points.n, isOfBoxes(result))}
          onClick={(event) => event.shiftKey || hold(under(event, isFinger(event) ? NEAR_FINGER_PX : NEAR_PX))}
          onPointerDown={(event) => {
            if (isBoxes() || event.button !== 0 || !(isLasso.value || event.shiftKey)) return;
            place.current!.setPointerCapture(event.pointerId);
            drawn.value = [spot(event)];
          }}
          onPointerUp={() => {
            if (drawn.value && drawn.value.length > 2) list(lassoOf(drawn.value, plane, view.value));
            drawn.value = null;
          }}
          onPointerCancel={() => {
            drawn.value = null;
          }}
          onPointerMove={(event) => {
            if (drawn.value) {
              if (isFarther(drawn.value, spot(event))) drawn.value = [...drawn.value, spot(event)];
              return;
            }
            if (held.value || event.buttons || event.pointerType !== "mouse") return;
            const found = under(event, NEAR_PX);
            if (found !== null) at.value = found;
          }}
        >
          <canvas ref={canvas} />
          {drawn.value && (
            <svg class="lasso" aria-hidden="true">
              <polygon points={drawn.value.map((corner) => corner.join(",")).join(" ")} />
            </svg>
          )}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: three buttons are no form */}
        <div class="zoom" role="group" aria-label={words.map.zoom}>
          <button type="button" aria-label={words.map.closer} onClick={() => closer(STEP)}>
            +
          </button>
          <button type="button" aria-label={words.map.farther} onClick={() => closer(1 / STEP)}>
            −
          </button>
          <button type="button" aria-label={words.map.all} onClick={all}>
            ⤢
          </button>
        </div>
        {!isBoxes() && (
          /* biome-ignore lint/a11y/useSemanticElements: two buttons are no form */
          <div class="zoom lassos" role="group" aria-label={words.map.toBrowse}>
            <button
              type="button"
              title={words.map.lassoHint}
              aria-pressed={isLasso.value}
              onClick={() => {
                isLasso.value = !isLasso.value;
              }}
            >
              {words.map.lasso}
            </button>
            <button type="button" title={words.map.inSightHint} onClick={listInSight}>
              {words.map.inSight} <Kbd>l</Kbd>
            </button>
          </div>
        )}
      </div>
      <MapSide
        result={result}
        colouring={colouring.value}
        by={by}
        at={at.value}
        held={held.value}
        hasBatch={ringed.length > 0}
      />
    </div>
  );
}

const QUIET: Record<"dark" | "light", Colour> = { dark: [148, 163, 184, 255], light: [71, 85, 105, 255] };

const scheme = () => matchMedia("(prefers-color-scheme: dark)");

const isFinger = (event: MouseEvent) => (event as PointerEvent).pointerType === "touch";

const shift = ([x, y]: [number, number], k: number): [number, number] => [x / k, y / k];

/** An image may have several points: one of each of its boxes. */
function rowsOf(names: readonly string[], wanted: readonly string[]): number[] {
  const ranks = new Map(wanted.map((name, rank) => [name, rank]));
  const rows = names.flatMap((name, at) => (ranks.has(name) ? [at] : []));
  return rows.toSorted((a, b) => ranks.get(names[a]!)! - ranks.get(names[b]!)!);
}

function lookOf({ names, of, quiet }: Colouring, dark: boolean): Look {
  return {
    of,
    colours: names.map((name, at) => (at === quiet ? QUIET[dark ? "dark" : "light"] : rgb(toneOf(name, at), dark))),
    unlabelled: dark ? [148, 163, 184, 115] : [100, 116, 139, 97],
    batch: dark ? [255, 255, 255, 255] : [17, 17, 17, 255],
    chosen: dark ? [94, 234, 212, 255] : [15, 118, 110, 255],
  };
}

function rgb({ hue, saturation }: ReturnType<typeof toneOf>, dark: boolean): Colour {
  const { r, g, b } = hsl(hue, saturation ?? 0.62, dark ? 0.64 : 0.42).rgb();
  return [Math.round(r), Math.round(g), Math.round(b), 255];
}
