import type { Place } from "../boxes/geometry";
import { Photo } from "../shared/Photo";
import "../boxes/boxes.css";

export interface Marked {
  place: Place;
  title: string;
  /** What a person drew, what a detector found, or one of several people's. */
  kind: "drawn" | "found" | "first" | "second";
}

interface Given {
  name: string;
  size: { width: number; height: number };
  marked: readonly Marked[];
  /** The part that is seen: around this box; all of it where none is named. */
  around?: Place | null;
}

/** An image with boxes on it, to be looked at. */
export function Scene({ name, size, marked, around = null }: Given) {
  const [x, y, w, h] = around ? room(around, size) : [0, 0, size.width, size.height];
  const k = 480 / Math.max(w, h); // about as large as it is shown
  return (
    <div class="scene" style={{ aspectRatio: `${w} / ${h}`, maxWidth: `${(HIGHEST * w) / h}dvh` }}>
      <div
        class="whole"
        style={{
          width: `${(100 * size.width) / w}%`,
          height: `${(100 * size.height) / h}%`,
          left: `${(-100 * x) / w}%`,
          top: `${(-100 * y) / h}%`,
        }}
      >
        <Photo name={name} side={1024} alt={name} />
      </div>
      <svg viewBox={`${x} ${y} ${w} ${h}`} aria-hidden="true">
        {marked.map(({ place: [bx, by, bw, bh], title, kind }) => (
          <g class={`box ${kind}`} key={`${kind} ${bx} ${by} ${bw} ${bh} ${title}`}>
            <rect class="under" x={bx} y={by} width={bw} height={bh} />
            <rect class="line" x={bx} y={by} width={bw} height={bh} />
            <text
              x={bx + 4 / k}
              y={kind === "found" || kind === "second" ? by + bh - 6 / k : by + 16 / k}
              font-size={13 / k}
              stroke-width={3 / k}
            >
              {title}
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

const HIGHEST = 46; // hundredths of the window
const TIMES = 2.5; // of the box, so that what lies around it is seen

/** The part around a box, within the image. */
function room([x, y, w, h]: Place, { width, height }: Given["size"]): Place {
  const side = Math.max(w, h, 24) * TIMES;
  const [wide, high] = [Math.min(width, side), Math.min(height, side)];
  const left = Math.max(0, Math.min(width - wide, x + w / 2 - wide / 2));
  const top = Math.max(0, Math.min(height - high, y + h / 2 - high / 2));
  return [left, top, wide, high];
}
