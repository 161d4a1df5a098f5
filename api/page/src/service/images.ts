// Addresses of images. With a key they are fetched by hand, for an <img> could not send it.

import { ask, key, withQuery } from "./service";

export type Side = 160 | 320 | 1024;
const MOST_KEPT = 600;
const kept = new Map<string, string>(); // address -> blob address, the oldest first

const addressOf = (pool: string, name: string, side: Side) => withQuery("images", { path_to_img: pool, name, side });

/** For an `src`. At once where no key is needed; else a promise. */
export function imageAddress(pool: string, name: string, side: Side): string | Promise<string> {
  const address = addressOf(pool, name, side);
  return key.value ? (kept.get(address) ?? fetched(address)) : address;
}

async function fetched(address: string): Promise<string> {
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
