// Boxes that are examples of what is looked for, or of what is not, and what was found by them.

import { computed, signal } from "@preact/signals";
import type { Place } from "../boxes/geometry";
import type { BoxesSimilar, Job } from "../service/types";
import { words } from "../words";
import { type ImageSize, sizesOf } from "./drawings";
import { say, tell } from "./notices";

export interface BoxExample {
  name: string;
  box: Place;
}

/** The address's parameters that say: more like this box. */
export const likeBox = (name: string, box: Place) => ({ name, box: box.join() });

function exampleIn(params: URLSearchParams): BoxExample | null {
  const name = params.get("name");
  const box = (params.get("box") ?? "").split(",").map(Number);
  return name && box.length === 4 && box.every(Number.isFinite) ? { name, box: box as unknown as Place } : null;
}

export class AlikeBoxes {
  readonly like = signal<readonly BoxExample[]>([]);
  readonly unlike = signal<readonly BoxExample[]>([]);
  readonly items = signal<BoxesSimilar["items"]>([]);
  readonly sizes = signal<ReadonlyMap<string, ImageSize>>(new Map());
  readonly at = signal(0);
  readonly current = computed(() => this.items.value[this.at.value]);

  constructor(params: URLSearchParams) {
    const example = exampleIn(params);
    if (example) this.like.value = [example];
  }

  async take({ items }: BoxesSimilar, job: Job, lifetime: AbortSignal): Promise<void> {
    const { like_boxes: like = [], unlike_boxes: unlike = [] } = job.request as Record<string, BoxExample[]>;
    // what was marked while it was looked for stays
    if (!this.like.value.length) [this.like.value, this.unlike.value] = [like, unlike];
    this.sizes.value = await sizesOf([...this.like.value, ...this.unlike.value, ...items], lifetime);
    [this.items.value, this.at.value] = [items, 0];
    say(words.similar.boxesFound(items.length));
  }

  look(index: number): void {
    this.at.value = Math.max(0, Math.min(this.items.value.length - 1, index));
    const box = this.current.value;
    if (box) say(words.similar.boxSaid(this.at.value + 1, this.items.value.length, box.name, box.predicted));
  }

  /** The box that is looked at is an example of what is looked for, or of what is not. */
  more(wanted: boolean): void {
    const now = this.current.value;
    if (!now) return;
    const example = { name: now.name, box: now.box as Place };
    const others = (examples: readonly BoxExample[]) => examples.filter((one) => !isSame(one, example));
    const like = wanted ? [...others(this.like.value), example] : others(this.like.value);
    if (!like.length) return tell(words.similar.oneBoxAtLeast);
    this.like.value = like;
    this.unlike.value = wanted ? others(this.unlike.value) : [...others(this.unlike.value), example];
    say(wanted ? words.similar.moreSuch : words.similar.noneSuch);
    this.look(this.at.value + 1);
  }

  /** Whether a box is an example already: true of what is looked for, false of what is not. */
  isExample(box: BoxExample): boolean | null {
    if (this.like.value.some((one) => isSame(one, box))) return true;
    return this.unlike.value.some((one) => isSame(one, box)) ? false : null;
  }
}

const isSame = (a: BoxExample, b: BoxExample) => a.name === b.name && a.box.join() === b.box.join();
