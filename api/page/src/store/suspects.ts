// What looks wrong about labels, one at a time: a class for another, or one of several that is missing or surplus.

import type { Results } from "../service/types";
import { words } from "../words";
import { type Answer, isSame } from "./answer";

export interface Suspect {
  /** The same for the same doubt about the same label. */
  id: string;
  name: string;
  given: string;
  suggested: string;
  reason: string;
  /** What the model takes for how probable. */
  bars: readonly { name: string; share: number }[];
  /** The class that another image shows, to compare with. */
  example: string;
  /** Whether another class than the suggested one can be meant. */
  mayBeOther: boolean;
  change: (now: Answer) => Answer;
  /** Whether that is what was found suspicious; of several classes, whatever else an image has. */
  isGiven: (now: Answer) => boolean;
}

export const withClass = (now: Answer, name: string): Answer => [...now.filter((one) => one !== name), name];
export const withoutClass = (now: Answer, name: string): Answer => now.filter((one) => one !== name);

export function suspectsOf(result: Results["label_check"]): Suspect[] {
  if (!("task" in result)) {
    return result.items.map((item) => {
      const { name, given, suggested } = item;
      return {
        id: `${name}\t${given}`,
        name,
        given,
        suggested,
        reason: words.results?.label(item) ?? item.reason,
        bars: [
          { name: given, share: item.given_probability },
          { name: suggested, share: item.confidence },
        ],
        example: suggested,
        mayBeOther: true,
        change: () => [suggested],
        isGiven: (now) => isSame(now, [given]),
      };
    });
  }
  return result.items.map((item) => {
    const { name, class: one, miss, probability } = item;
    const [has, lacks] = [words.check.has(one), words.check.lacks(one)];
    const add = (now: Answer) => withClass(now, one);
    const takeOut = (now: Answer) => withoutClass(now, one);
    return {
      id: `${name}\t${one}\t${miss}`,
      name,
      given: miss === "missing" ? lacks : has,
      suggested: miss === "missing" ? has : lacks,
      reason: words.results?.oneOfSeveral(item) ?? item.reason,
      bars: [{ name: one, share: probability }],
      example: one,
      mayBeOther: false,
      change: miss === "missing" ? add : takeOut,
      isGiven: () => true,
    };
  });
}
