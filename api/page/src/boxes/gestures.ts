// What fingers and the mouse do on the stage: one draws, moves and resizes, two zoom and pan.

import { signal } from "@preact/signals";
import { distance, pinched, pointOn } from "../shared/pinch";
import type { Viewer } from "../shared/viewer";
import type { Board } from "../store/board";
import { at, between, dragged, type Grip, inImage, type Place, type Point } from "./geometry";

const CLICK_PX = 4; // what is moved less was a click
const WHEEL = 0.0015;

type Drag =
  | { does: "draw"; from: Point }
  | { does: "move"; from: Point; grip: Grip; id: number; place: Place }
  | { does: "pan"; last: Point };

export class Gestures {
  /** The box that is being drawn (without an id), or changed, as it looks at the moment. */
  readonly ghost = signal<{ id: number | null; place: Place } | null>(null);
  private readonly board: Board;
  private readonly viewer: Viewer;
  private fingers = new Map<number, Point>();
  private drag: Drag | null = null;
  private began: Point = [0, 0];

  constructor(board: Board, viewer: Viewer) {
    this.board = board;
    this.viewer = viewer;
  }

  down(event: PointerEvent): void {
    const stage = event.currentTarget as Element;
    const point = pointOn(stage, event);
    stage.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, point);
    if (this.fingers.size > 1) {
      this.cancel();
      return;
    }
    this.began = point;
    const from = inImage(this.viewer.view.peek(), point);
    const grip = (event.target as Element).closest("[data-grip]")?.getAttribute("data-grip") as Grip | null;
    const picked = this.board.pickedBox.peek();
    if (event.button === 1 || event.button === 2) this.drag = { does: "pan", last: point };
    else if (picked && (grip || (!event.shiftKey && at([picked], from))))
      this.drag = { does: "move", from, grip: grip ?? "all", id: picked.id, place: picked.place };
    else this.drag = { does: "draw", from };
  }

  move(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const point = pointOn(event.currentTarget as Element, event);
    if (this.fingers.size === 2) this.pinch(event.pointerId, before, point);
    this.fingers.set(event.pointerId, point);
    const { drag } = this;
    if (drag?.does === "pan") {
      this.viewer.pan([point[0] - drag.last[0], point[1] - drag.last[1]]);
      drag.last = point;
    } else if (drag && (this.ghost.peek() || distance(this.began, point) > CLICK_PX)) this.follow(drag, point);
  }

  up(event: PointerEvent): void {
    if (!this.fingers.delete(event.pointerId) || !this.drag) return;
    const [drag, ghost] = [this.drag, this.ghost.peek()];
    this.cancel();
    if (drag.does === "pan") return;
    if (ghost && drag.does === "move") this.board.place(ghost.place);
    else if (ghost) this.board.draw(ghost.place);
    else if (distance(this.began, pointOn(event.currentTarget as Element, event)) <= CLICK_PX) {
      const from = inImage(this.viewer.view.peek(), this.began);
      this.board.pick(at(this.board.seen.peek(), from)?.id ?? null);
    }
  }

  lost(event: PointerEvent): void {
    if (this.fingers.delete(event.pointerId)) this.cancel();
  }

  wheel(event: WheelEvent): void {
    event.preventDefault();
    this.viewer.zoom(Math.exp(-event.deltaY * WHEEL), pointOn(event.currentTarget as Element, event));
  }

  /** Ends what is being drawn or moved without a change. Returns whether there was such. */
  cancel(): boolean {
    const was = this.ghost.peek() !== null;
    this.drag = null;
    this.ghost.value = null;
    return was;
  }

  private follow(drag: Drag & { does: "draw" | "move" }, point: Point): void {
    const size = this.board.current.peek().size.peek();
    if (!size) return;
    const to = inImage(this.viewer.view.peek(), point);
    const by: Point = [to[0] - drag.from[0], to[1] - drag.from[1]];
    const place = drag.does === "draw" ? between(drag.from, to, size) : dragged(drag.place, drag.grip, by, size);
    this.ghost.value = place && { id: drag.does === "draw" ? null : drag.id, place };
  }

  private pinch(id: number, before: Point, now: Point): void {
    const other = [...this.fingers].find(([one]) => one !== id)?.[1];
    if (!other) return;
    pinched(this.viewer, other, before, now);
  }
}
