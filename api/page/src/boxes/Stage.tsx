import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { fetchedAddress, readyAddress, type Side } from "../service/images";
import type { Viewer } from "../shared/viewer";
import type { Board } from "../store/board";
import { comebacks } from "../store/connection";
import { theProject } from "../store/project";
import { words } from "../words";
import { BoxShape } from "./BoxShape";
import type { Gestures } from "./gestures";

const SMALL = 1024;
const LARGE = 4096;
const CRISP = 6; // pixels of the screen for one of the image, from which on these are seen one by one

interface Given {
  board: Board;
  viewer: Viewer;
  gestures: Gestures;
  stage: RefObject<HTMLDivElement | null>;
  hidden: boolean;
  brightness: number;
}

/** The image that is looked at, and the boxes on it. */
export function Stage({ board, viewer, gestures, stage, hidden, brightness }: Given) {
  const entry = board.current.value;
  const size = entry.size.value;
  const view = viewer.view.value;
  const boxes = board.seen.value;

  useLayoutEffect(() => {
    const frame = stage.current!;
    const measure = () => viewer.resize({ width: frame.clientWidth, height: frame.clientHeight });
    measure();
    const seen = new ResizeObserver(measure);
    seen.observe(frame);
    return () => seen.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (size) viewer.show(size);
  }, [entry, size]);

  const { title, pixels } = size
    ? { title: words.boxes.size(size.width, size.height), pixels: Math.max(size.width, size.height) }
    : { title: "", pixels: 0 };
  return (
    <div
      ref={stage}
      class="stage"
      role="application"
      tabIndex={0}
      aria-label={words.boxes.stage(entry.name, title, boxes.length)}
      onContextMenu={(event) => event.preventDefault()}
    >
      <svg
        class={board.pickedBox.value ? "has-picked" : ""}
        aria-hidden="true"
        onPointerDown={(event) => {
          stage.current?.focus({ preventScroll: true });
          gestures.down(event);
        }}
        onPointerMove={(event) => gestures.move(event)}
        onPointerUp={(event) => gestures.up(event)}
        onPointerCancel={(event) => gestures.lost(event)}
        onWheel={(event) => gestures.wheel(event)}
      >
        {size && (
          <g transform={`translate(${view.x} ${view.y}) scale(${view.k})`}>
            <g
              style={{ filter: brightness === 1 ? undefined : `brightness(${brightness})` }}
              class={view.k > CRISP ? "crisp" : ""}
            >
              <Picture key={entry.name} name={entry.name} side={SMALL} {...size} />
              {pixels > SMALL && pixels * view.k > SMALL * 1.2 && (
                <Picture key={`${entry.name} large`} name={entry.name} side={LARGE} {...size} />
              )}
            </g>
            {!hidden &&
              boxes.map((box) => <BoxShape key={box.id} box={box} board={board} gestures={gestures} k={view.k} />)}
            <Ghost gestures={gestures} />
          </g>
        )}
      </svg>
      {!size && <p class="notice">{words.app.brokenImage}</p>}
    </div>
  );
}

function Ghost({ gestures }: { gestures: Gestures }) {
  const ghost = gestures.ghost.value;
  if (!ghost || ghost.id !== null) return null;
  const [x, y, width, height] = ghost.place;
  return (
    <g class="box picked">
      <rect class="under" x={x} y={y} width={width} height={height} />
      <rect class="line" x={x} y={y} width={width} height={height} />
    </g>
  );
}

function Picture({ name, side, width, height }: { name: string; side: Side; width: number; height: number }) {
  const wanted = { pool: theProject().pool, name, side };
  const failed = useSignal(-1);
  const [fetched, setFetched] = useState<string | null>(null);
  const address = readyAddress(wanted) ?? fetched;
  const tries = comebacks.value;
  useEffect(() => {
    if (address) return;
    let isWanted = true;
    fetchedAddress(wanted).then(
      (found) => isWanted && setFetched(found),
      () => {
        failed.value = tries;
      },
    );
    return () => {
      isWanted = false;
    };
  }, [address, tries]);
  if (!address || failed.value === tries) return null;
  return (
    <image
      key={tries}
      href={address}
      width={width}
      height={height}
      preserveAspectRatio="none"
      onError={() => {
        failed.value = tries;
      }}
    />
  );
}
