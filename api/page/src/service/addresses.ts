// Names in the address of a call: proxies take addresses of 8,000 letters, and a Cyrillic letter is six in one.

const MOST = 100;
const LONGEST = 6000; // letters, as names are written there; beside them stand the paths

/** Parts of these names, each short enough for one address; one part, without a name, of none. */
export function inAddresses(names: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let letters = 0;
  for (const name of names) {
    const more = "&of=".length + encodeURIComponent(name).length;
    if (parts.at(-1)!.length === MOST || (letters && letters + more > LONGEST)) {
      parts.push([]);
      letters = 0;
    }
    parts.at(-1)!.push(name);
    letters += more;
  }
  return parts;
}
