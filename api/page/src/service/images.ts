// Addresses of images. With a key they are fetched by hand, for an <img> could not send it.

import { ask, key, withQuery } from "./service";

export type Side = 160 | 320 | 1024 | 4096;

export interface Wanted {
  pool: string;
  name: string;
  side: Side;
}

const MOST_KEPT = 600;
const kept = new Map<string, string>(); // address -> blob address, the oldest first

const addressOf = ({ pool, name, side }: Wanted) => withQuery("images", { path_to_img: pool, name, side });

/** For an `src`, where it can be had at once: no key is needed, or the image was fetched before. */
export function readyAddress(wanted: Wanted): string | null {
  const address = addressOf(wanted);
  return key.value ? (kept.get(address) ?? null) : address;
}

/** For an `src`, where a key is needed. */
export async function fetchedAddress(wanted: Wanted): Promise<string> {
  const address = addressOf(wanted);
  const blob = await (await ask("GET", address)).blob();
  const local = kept.get(address) ?? URL.createObjectURL(blob);
  kept.set(address, local);
  const [oldest, dropped] = kept.entries().next().value ?? [];
  if (kept.size > MOST_KEPT && oldest && dropped) {
    kept.delete(oldest);
    URL.revokeObjectURL(dropped);
  }
  return local;
}

const MOST_EXPECTED = 60;
const expected = new Map<string, HTMLImageElement>(); // held on to: else the browser may drop what it is loading

/** Has the service and the browser begin with images that are about to be shown. */
export function expectImages(pool: string, names: readonly string[], side: Side): void {
  for (const name of names) {
    const address = readyAddress({ pool, name, side });
    if (!address)
      void fetchedAddress({ pool, name, side }).catch(() => {}); // who shows it says so
    else if (!expected.has(address)) {
      const image = new Image();
      image.src = address;
      expected.set(address, image);
      if (expected.size > MOST_EXPECTED) expected.delete(expected.keys().next().value!);
    }
  }
}
