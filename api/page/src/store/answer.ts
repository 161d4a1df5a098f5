// What is said of an image: its class, or its classes where it may have several.

import type { LabelGiven, OneLabel } from "../service/types";
import { words } from "../words";

/** Classes; none of them where somebody looked and none applies. What nobody has looked at has no answer: null. */
export type Answer = readonly string[];

export interface Given {
  answer: Answer;
  person: string;
}

export const inWords = (answer: Answer) => answer.join(" + ") || words.label.none;

export const isSame = (one: Answer | null, other: Answer | null) =>
  one === other || (!!one && !!other && one.length === other.length && one.every((name) => other.includes(name)));

export const asAnswer = (predicted: string | Answer | null | undefined): Answer | null =>
  typeof predicted === "string" ? [predicted] : (predicted ?? null);

/** As they are written: one a class, an empty one where none applies; null takes the answer back. */
export const linesOf = (name: string, answer: Answer | null): LabelGiven[] =>
  answer?.length ? answer.map((one) => ({ name, class: one })) : [{ name, class: answer && "" }];

/** What lines of one person, or of the first of several, come to, by name. */
export function gathered(lines: readonly OneLabel[]): Map<string, Given> {
  const found = new Map<string, Given>();
  for (const { name, class: one, person } of lines) {
    const { answer } = found.get(name) ?? { answer: [] };
    found.set(name, { answer: one ? [...answer, one] : answer, person });
  }
  return found;
}
