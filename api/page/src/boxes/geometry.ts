// Boxes and what is seen of an image, in numbers. A box is x, y, width and height in pixels of the upright image.

export type Place = readonly [number, number, number, number];
export type Point = readonly [number, number];
export interface Size {
  width: number;
  height: number;
}
/** What moves: a corner or an edge, or all of it. */
export type Grip = "nw" | "n" | "ne" | "e" | "se" | "s" | "sw" | "w" | "all";

export const LEAST = 1; // pixels that a side has
const DIGITS = 100; // places are kept to a hundredth of a pixel

const within = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));
const tidy = (value: number) => Math.round(value * DIGITS) / DIGITS;

function fromCorners(x1: number, y1: number, x2: number, y2: number): Place {
  return [tidy(x1), tidy(y1), tidy(x2 - x1), tidy(y2 - y1)];
}

/** The box between two corners, cut at the image's edge; null where it is too small to be meant. */
export function between([ax, ay]: Point, [bx, by]: Point, { width, height }: Size): Place | null {
  const [x1, x2] = [ax, bx].map((x) => within(x, 0, width)).toSorted((a, b) => a - b) as [number, number];
  const [y1, y2] = [ay, by].map((y) => within(y, 0, height)).toSorted((a, b) => a - b) as [number, number];
  return x2 - x1 < LEAST || y2 - y1 < LEAST ? null : fromCorners(x1, y1, x2, y2);
}

/** Moves a box by its grip. It stays in the image, and never turns inside out. */
export function dragged([x, y, w, h]: Place, grip: Grip, [dx, dy]: Point, { width, height }: Size): Place {
  if (grip === "all") {
    return [tidy(within(x + dx, 0, Math.max(0, width - w))), tidy(within(y + dy, 0, Math.max(0, height - h))), w, h];
  }
  const left = grip.includes("w") ? within(x + dx, 0, x + w - LEAST) : x;
  const right = grip.includes("e") ? within(x + w + dx, x + LEAST, width) : x + w;
  const top = grip.startsWith("n") ? within(y + dy, 0, y + h - LEAST) : y;
  const bottom = grip.startsWith("s") ? within(y + h + dy, y + LEAST, height) : y + h;
  return fromCorners(left, top, right, bottom);
}

/** Intersection over union. */
export function iou([ax, ay, aw, ah]: Place, [bx, by, bw, bh]: Place): number {
  const w = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const h = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  const inner = Math.max(0, w) * Math.max(0, h);
  return inner / (aw * ah + bw * bh - inner);
}

const SAME = 0.5; // from this IoU on, two boxes are about the same object

/** Those that are about nothing that is drawn already. */
export const besides = <T extends { box: Place }>(suggested: readonly T[], drawn: readonly Place[]): T[] =>
  suggested.filter(({ box }) => drawn.every((place) => iou(box, place) < SAME));

const ONE_OBJECT = 0.6; // from this IoU on, so are two suggestions, whatever their classes

/** Without suggestions about what is drawn, or suggested more surely: `sure` is null of what is drawn. */
export function oneOfEach<T extends { place: Place }>(boxes: readonly T[], sure: (box: T) => number | null): T[] {
  const kept = new Set(boxes.filter((box) => sure(box) === null));
  const suggested = boxes.filter((box) => !kept.has(box)).toSorted((a, b) => sure(b)! - sure(a)!);
  for (const box of suggested) if ([...kept].every(({ place }) => iou(place, box.place) < ONE_OBJECT)) kept.add(box);
  return boxes.filter((box) => kept.has(box));
}

/** The smallest box that the point lies in. */
export function at<T extends { place: Place }>(boxes: readonly T[], [px, py]: Point): T | null {
  const hit = boxes.filter(({ place: [x, y, w, h] }) => px >= x && px <= x + w && py >= y && py <= y + h);
  return hit.toSorted((a, b) => a.place[2] * a.place[3] - b.place[2] * b.place[3])[0] ?? null;
}

// --- what is seen ---------------------------------------------------------------------------------------------------

/** A point of the image stands at `k * point + (x, y)` on the stage. */
export interface View {
  k: number;
  x: number;
  y: number;
}
export const MOST = 40; // pixels of the screen for one of the image

/** All of the image, in the middle of the stage. */
export function fitted(image: Size, stage: Size): View {
  const k = Math.min(stage.width / image.width, stage.height / image.height);
  return { k, x: (stage.width - k * image.width) / 2, y: (stage.height - k * image.height) / 2 };
}

/** Zooms so that the point of the stage stays where it is. */
export function zoomed(view: View, factor: number, [px, py]: Point, image: Size, stage: Size): View {
  const k = within(view.k * factor, fitted(image, stage).k, Math.max(MOST, fitted(image, stage).k));
  const by = k / view.k;
  return kept({ k, x: px - (px - view.x) * by, y: py - (py - view.y) * by }, image, stage);
}

/** Moves what is seen. */
export const panned = (view: View, [dx, dy]: Point, image: Size, stage: Size): View =>
  kept({ ...view, x: view.x + dx, y: view.y + dy }, image, stage);

/** The box in the middle, as large as leaves a third of the stage around it. */
export function closeTo([x, y, w, h]: Place, image: Size, stage: Size): View {
  const wanted = Math.min(stage.width / w, stage.height / h) / 1.5;
  const k = within(wanted, fitted(image, stage).k, MOST);
  const middle = { k, x: stage.width / 2 - k * (x + w / 2), y: stage.height / 2 - k * (y + h / 2) };
  return kept(middle, image, stage);
}

/** No side of the image is farther in than the stage's, unless all of it is seen. */
function kept({ k, x, y }: View, image: Size, stage: Size): View {
  const side = (at: number, length: number, room: number) =>
    k * length <= room ? (room - k * length) / 2 : within(at, room - k * length, 0);
  return { k, x: side(x, image.width, stage.width), y: side(y, image.height, stage.height) };
}

export const inImage = ({ k, x, y }: View, [px, py]: Point): Point => [(px - x) / k, (py - y) / k];

/** A new box in the middle of what is seen, for those who draw by keyboard. */
export function inTheMiddle(view: View, image: Size, stage: Size): Place {
  const [x1, y1] = inImage(view, [0, 0]);
  const [x2, y2] = inImage(view, [stage.width, stage.height]);
  const seen = between([x1, y1], [x2, y2], image) ?? [0, 0, image.width, image.height];
  const [w, h] = [Math.max(LEAST, seen[2] / 4), Math.max(LEAST, seen[3] / 4)];
  const [x, y] = [Math.round(seen[0] + (seen[2] - w) / 2), Math.round(seen[1] + (seen[3] - h) / 2)];
  return dragged([x, y, Math.round(w) || LEAST, Math.round(h) || LEAST], "all", [0, 0], image);
}
