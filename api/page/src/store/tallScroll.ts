// Scrolling through more than a browser's box can be high: a million rows of tiles are, and browsers end at some ten
// million pixels. The box is as high as may be, and where in the whole its beginning lies moves with what is seen.

const MOST = 8_000_000;
const FAR = 4; // windows: a longer way at once is the scroll bar's, and meant in proportion

export class TallScroll {
  /** How high the box is, in pixels. */
  readonly box: number;
  /** Where in the whole the box begins. */
  offset = 0;
  private readonly height: number;
  private readonly window: number;
  private top = 0;

  constructor(height: number, window: number, most = MOST) {
    this.height = height;
    this.window = window;
    this.box = Math.min(height, most);
  }

  /** Where in the whole the window begins. */
  get at(): number {
    return this.top + this.offset;
  }

  /** The box was scrolled to there. Returns to where it is to be scrolled instead, mostly the same. */
  scrolled(top: number): number {
    const spare = this.height - this.box;
    const lowest = Math.max(1, this.box - this.window);
    const isFar = Math.abs(top - this.top) > FAR * this.window;
    if (isFar) this.offset = Math.round((top / lowest) * spare);
    this.top = top;
    const nearBegin = top < this.window && this.offset > 0;
    const nearEnd = top > lowest - this.window && this.offset < spare;
    return nearBegin || nearEnd ? this.to(this.at) : top;
  }

  /** Goes to a place in the whole. Returns to where the box is to be scrolled for it. */
  to(at: number): number {
    const spare = this.height - this.box;
    const place = Math.max(0, Math.min(this.height - this.window, at));
    if (place <= this.box / 3) this.offset = 0;
    else if (place >= this.height - this.box / 3) this.offset = spare;
    else this.offset = Math.max(0, Math.min(spare, Math.round(place - this.box / 2)));
    this.top = place - this.offset;
    return this.top;
  }
}
