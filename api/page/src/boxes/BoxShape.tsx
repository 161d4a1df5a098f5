import { useComputed } from "@preact/signals";
import { classColour } from "../shared/colour";
import type { Board, Drawn } from "../store/board";
import { words } from "../words";
import type { Grip, Place } from "./geometry";
import type { Gestures } from "./gestures";

const HANDLE = 5; // pixels of the screen, half a side
const REACH = 15; // around its middle: what a finger hits
const ROOM = 56; // a side that is shorter has no handle between its ends
const NAMED = 34; // a box that is narrower has no name in it, unless it is picked

/** A box on the image. `k`: pixels of the screen for one of the image. */
export function BoxShape({ box, board, gestures, k }: { box: Drawn; board: Board; gestures: Gestures; k: number }) {
  const moved = useComputed(() => (gestures.ghost.value?.id === box.id ? gestures.ghost.value.place : null));
  const picked = useComputed(() => board.picked.value === box.id);
  const place = moved.value ?? box.place;
  const [x, y, width, height] = place;
  const name = words.boxes.listed(box.class, box.suggested?.score ?? null);
  const kind = [box.suggested && "suggested", box.crowd && "crowd", picked.value && "picked", !box.class && "unnamed"];
  return (
    <g class={["box", ...kind].filter(Boolean).join(" ")} style={classColour(box.class)}>
      <rect class="under" x={x} y={y} width={width} height={height} />
      <rect class="line" x={x} y={y} width={width} height={height} />
      {(picked.value || width * k > NAMED) && (
        <text x={x + 4 / k} y={y > 18 / k ? y - 5 / k : y + 14 / k} font-size={13 / k} stroke-width={3 / k}>
          {name}
        </text>
      )}
      {picked.value && handles(place, k).map(([grip, hx, hy]) => <Handle key={grip} grip={grip} x={hx} y={hy} k={k} />)}
    </g>
  );
}

function Handle({ grip, x, y, k }: { grip: Grip; x: number; y: number; k: number }) {
  const half = HANDLE / k;
  return (
    <g data-grip={grip} class={`handle ${grip}`}>
      <circle cx={x} cy={y} r={REACH / k} />
      <rect x={x - half} y={y - half} width={2 * half} height={2 * half} />
    </g>
  );
}

/** Corners, and the middles of sides that have room for them. Those of a small box stand off, so that its inside is free. */
function handles([x, y, w, h]: Place, k: number): [Grip, number, number][] {
  const off = (side: number) => Math.max(0, (ROOM - side * k) / 4) / k;
  const [left, right, top, bottom] = [x - off(w), x + w + off(w), y - off(h), y + h + off(h)];
  const corners: [Grip, number, number][] = [
    ["nw", left, top],
    ["ne", right, top],
    ["se", right, bottom],
    ["sw", left, bottom],
  ];
  const across: [Grip, number, number][] = [
    ["n", x + w / 2, top],
    ["s", x + w / 2, bottom],
  ];
  const along: [Grip, number, number][] = [
    ["w", left, y + h / 2],
    ["e", right, y + h / 2],
  ];
  return [...(w * k > ROOM ? across : []), ...(h * k > ROOM ? along : []), ...corners];
}
