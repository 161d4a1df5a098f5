// Which part of an image is seen, and how it is moved.

import { signal } from "@preact/signals";
import { closeTo, fitted, type Place, type Point, panned, type Size, type View, zoomed } from "../boxes/geometry";

const STEP = 1.5;

export class Viewer {
  readonly stage = signal<Size>({ width: 1, height: 1 });
  readonly view = signal<View>({ k: 1, x: 0, y: 0 });
  private image: Size = { width: 1, height: 1 };

  /** Shows all of an image. */
  show(image: Size): void {
    this.image = image;
    this.fit();
  }

  /** The stage has another size: what was all of the image still is. */
  resize(stage: Size): void {
    const wasAll = !this.isClose;
    this.stage.value = stage;
    this.view.value = wasAll ? fitted(this.image, stage) : panned(this.view.value, [0, 0], this.image, stage);
  }

  get isClose(): boolean {
    return this.view.value.k > fitted(this.image, this.stage.value).k * 1.001;
  }

  fit(): void {
    this.view.value = fitted(this.image, this.stage.value);
  }

  pan(by: Point): void {
    this.view.value = panned(this.view.value, by, this.image, this.stage.value);
  }

  zoom(factor: number, around: Point): void {
    this.view.value = zoomed(this.view.value, factor, around, this.image, this.stage.value);
  }

  /** A step closer: to the box at once, where there is one and it is small. */
  closer(place: Place | null): void {
    const close = place && closeTo(place, this.image, this.stage.value);
    if (close && close.k > this.view.value.k) this.view.value = close;
    else this.zoom(STEP, this.middle);
  }

  farther(): void {
    this.zoom(1 / STEP, this.middle);
  }

  private get middle(): Point {
    const { width, height } = this.stage.value;
    return [width / 2, height / 2];
  }
}
