// Which key stands for which class.

const OWN_LETTERS = "abdefghijklopqrtvwxz"; // the others do something else: c m n s u y
/** Says that none of the classes applies, where an image may have several. */
export const NONE_KEY = "x";

/** What else keys do where boxes are drawn: new, all seen, hide, resize, undo. */
export const KEYS_OF_BOXES = "bfhrz";

/** Where these are used up, a key has two strokes: one of these, and a digit or letter. */
const FIRST_STROKES = ".,";
const DIGITS = "1234567890";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** A class that is one digit or letter has its own key; the rest get digits, then letters, in order, then two strokes. An
 * empty name keeps a key free. `said`: keys that stand, whatever others have; `kept`: those that stand beside these. */
export function keysOf(
  classes: readonly string[],
  taken = "",
  said: ReadonlyMap<string, string> = new Map(),
  kept: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const keys = new Map(classes.flatMap((one) => (said.get(one) ? [[one, said.get(one)!]] : [])));
  const used = new Set([...taken, ...keys.values()]);
  for (const one of classes) {
    const key = keys.has(one) ? undefined : kept.get(one);
    if (!key || used.has(key)) continue;
    keys.set(one, key);
    used.add(key);
  }
  const free = new Set([...DIGITS, ...OWN_LETTERS].filter((key) => !used.has(key)));
  const own = classes.filter((one) => !keys.has(one) && free.has(one.toLowerCase()));
  for (const one of own) if (free.delete(one.toLowerCase())) keys.set(one, one.toLowerCase());
  const twice = [...FIRST_STROKES].flatMap((first) => [...DIGITS, ...LETTERS].map((second) => first + second));
  const left = [...free, ...twice.filter((key) => !used.has(key))];
  for (const one of classes) {
    if (keys.has(one)) continue;
    const next = left.shift();
    if (next && one) keys.set(one, next);
  }
  return keys;
}

/** `known` with the classes that are there now: those that are gone leave their place to the next new one. */
export function reordered(known: readonly string[], present: readonly string[]): string[] {
  const there = new Set(present);
  const fresh = present.filter((one) => !known.includes(one));
  const order = known.map((one) => (there.has(one) ? one : (fresh.shift() ?? "")));
  while (order.at(-1) === "") order.pop();
  return [...order, ...fresh];
}

/** The classes that what was typed may mean, the likeliest first. */
export function matching(classes: readonly string[], typed: string): string[] {
  const wanted = typed.normalize("NFC").toLowerCase();
  if (!wanted) return [...classes];
  const rank = (one: string) => {
    const lower = one.normalize("NFC").toLowerCase();
    if (lower === wanted) return 0;
    if (lower.startsWith(wanted)) return 1;
    return lower.includes(wanted) ? 2 : 3;
  };
  return classes.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b));
}
