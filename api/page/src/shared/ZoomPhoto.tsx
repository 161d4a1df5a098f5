import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Point } from "../boxes/geometry";
import { words } from "../words";
import { useKeys } from "./keyboard";
import { Photo } from "./Photo";
import { pinched, pointOn } from "./pinch";
import { Viewer } from "./viewer";

const LARGE_FROM = 1.2; // times as large as it fits, from which on more pixels are fetched
const WHEEL = 0.0015;

export interface ZoomGiven {
  name: string;
  /** + and − are for that. */
  hasKeys: boolean;
}

/** An image that can be looked at closely, and made brighter: by wheel, fingers, keys and buttons. */
export function ZoomPhoto({ name, hasKeys }: ZoomGiven) {
  const frame = useRef<HTMLDivElement>(null);
  const viewer = useMemo(() => new Viewer(), []);
  const brightness = useSignal(1);
  const fingers = useRef(new Map<number, Point>());
  const { k, x, y } = viewer.view.value;
  const isClose = k > 1.001;

  useLayoutEffect(() => {
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = frame.current!;
      viewer.stage.value = { width, height };
      viewer.show({ width, height }); // what fits the frame is all of it
    };
    measure();
    const seen = new ResizeObserver(measure);
    seen.observe(frame.current!);
    return () => seen.disconnect();
  }, []);
  useLayoutEffect(() => viewer.fit(), [name]);
  useEffect(() => {
    const element = frame.current!;
    const onWheel = (event: WheelEvent) => {
      if (event.deltaY > 0 && !viewer.isClose) return; // the page scrolls
      event.preventDefault();
      viewer.zoom(Math.exp(-event.deltaY * WHEEL), pointOn(element, event));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);
  useKeys((key) => {
    if (!hasKeys || !["+", "-"].includes(key)) return false;
    if (key === "+") viewer.closer(null);
    else viewer.farther();
    return true;
  });

  const move = (event: PointerEvent) => {
    const before = fingers.current.get(event.pointerId);
    if (!before || !frame.current) return;
    const now = pointOn(frame.current, event);
    const [other] = [...fingers.current].filter(([one]) => one !== event.pointerId);
    fingers.current.set(event.pointerId, now);
    if (other) pinched(viewer, other[1], before, now);
    else viewer.pan([now[0] - before[0], now[1] - before[1]]);
  };
  const lift = (event: PointerEvent) => fingers.current.delete(event.pointerId);
  return (
    <div class="zoom-photo">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: keys and the buttons below do the same */}
      <div
        ref={frame}
        class={isClose ? "zoom-frame close" : "zoom-frame"}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          fingers.current.set(event.pointerId, pointOn(event.currentTarget, event));
        }}
        onPointerMove={move}
        onPointerUp={lift}
        onPointerCancel={lift}
        onDblClick={() => (isClose ? viewer.fit() : viewer.closer(null))}
      >
        <div
          class="zoomed"
          style={{
            transform: isClose ? `translate(${x}px, ${y}px) scale(${k})` : undefined,
            filter: brightness.value === 1 ? undefined : `brightness(${brightness.value})`,
          }}
        >
          <Photo name={name} side={1024} alt={name} eager />
          {k > LARGE_FROM && <Photo name={name} side={4096} eager />}
        </div>
      </div>
      <div class="row looks-row">
        <button type="button" class="quiet" aria-label={words.zoom.farther} onClick={() => viewer.farther()}>
          −
        </button>
        <button type="button" class="quiet" aria-label={words.zoom.closer} onClick={() => viewer.closer(null)}>
          +
        </button>
        <label class="grow">
          <span class="only-heard">{words.boxes.brightness}</span>
          <input
            type="range"
            min={0.5}
            max={4}
            step={0.1}
            title={words.boxes.brightness}
            value={brightness.value}
            onInput={(event) => {
              brightness.value = event.currentTarget.valueAsNumber;
            }}
          />
        </label>
      </div>
    </div>
  );
}
