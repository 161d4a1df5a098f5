// Which key stands for which class.

const OWN_LETTERS = "abdefghijklopqrtvwxz"; // the others do something else: c m n s u y
/** Says that none of the classes applies, where an image may have several. */
export const NONE_KEY = "x";

/** What else keys do where boxes are drawn: new, all seen, hide, resize, undo. */
export const KEYS_OF_BOXES = "bfhrz";

/** A class that is one digit or letter has its own key; the rest get digits, then letters, in order. An empty name keeps
 * a key free. */
export function keysOf(classes: readonly string[], taken = ""): Map<string, string> {
  const keys = new Map<string, string>();
  const free = new Set([..."1234567890", ...OWN_LETTERS].filter((key) => !taken.includes(key)));
  const own = classes.filter((one) => free.has(one.toLowerCase()));
  for (const one of own) if (free.delete(one.toLowerCase())) keys.set(one, one.toLowerCase());
  const left = [...free];
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
