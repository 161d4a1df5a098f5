// What the colours of a map stand for: the class of each image, or box; where it may have several, any one of them.

import type { BoxesMap, OneMap, Results, SeveralMap } from "../service/types";
import { inWords } from "../store/answer";
import { likeBox } from "../store/similarBoxes";
import { words } from "../words";

export type MapResult = Results["map"];
export const mayHaveSeveral = (result: MapResult): result is SeveralMap =>
  "task" in result && result.task === "multilabel";
export const isOfBoxes = (result: MapResult): result is BoxesMap => "boxes" in result;

export interface Colouring {
  names: readonly string[];
  /** By image, or box: what it is, as an index into `names`; -1 without a label. */
  of: ArrayLike<number>;
  /** Which of the names says that an image has not got it: drawn in grey. */
  quiet: number | null;
}

/** `by`: the number of the class; null: each image by its first one. */
export function colouringOf(result: MapResult, by: number | null): Colouring {
  if (!mayHaveSeveral(result)) return { names: result.class_names, of: result.classes, quiet: null };
  if (by !== null) {
    const name = result.class_names[by]!;
    const of = result.classes.map((some) => (some === null ? -1 : some.includes(by) ? 0 : 1));
    return { names: [name, words.map.without(name)], of, quiet: 1 };
  }
  const none = result.class_names.length;
  const of = result.classes.map((some) => (some === null ? -1 : (some[0] ?? none)));
  return { names: [...result.class_names, words.label.none], of, quiet: none };
}

/** What is known of an image, or box. */
export function whatIs(result: MapResult, at: number): string {
  if (!mayHaveSeveral(result)) return whatOneIs(result, at);
  const named = (some: readonly number[]) => inWords(some.map((one) => result.class_names[one]!));
  const given = result.classes[at];
  if (given) return named(given);
  const guess = result.predicted?.[at];
  return guess ? words.map.looksLike(named(guess)) : words.map.unlabelled;
}

function whatOneIs({ classes, class_names, predicted }: OneMap | BoxesMap, at: number): string {
  const given = classes[at] ?? -1;
  if (given >= 0) return class_names[given]!;
  const guess = predicted?.[at];
  return guess === undefined || guess < 0 ? words.map.unlabelled : words.map.looksLike(class_names[guess]!);
}

export function labelledIn(result: MapResult): number {
  const of = colouringOf(result, null).of;
  return Array.from(of).filter((one) => one >= 0).length;
}

/** What the address says that asks for more like a point. */
export const toSimilar = (result: MapResult, at: number) =>
  isOfBoxes(result) ? likeBox(result.names[at]!, result.boxes[at]!) : { like: result.names[at]! };
