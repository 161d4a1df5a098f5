import { get } from "../service/service";
import type { Folder } from "../service/types";

const MOST_FOLDERS = 40;

/** How many images lie below a folder, not counting its own. `more`: there are more folders than were looked into. */
export async function imagesBelow(folder: Folder, signal?: AbortSignal): Promise<{ images: number; more: boolean }> {
  const waiting = [...folder.folders];
  let images = 0;
  for (let looked = 0; looked < MOST_FOLDERS; looked++) {
    const path = waiting.shift();
    if (!path) return { images, more: folder.more };
    const below = await get<Folder>("folders", { query: { path }, signal });
    images += below.images;
    waiting.push(...below.folders);
  }
  return { images, more: waiting.length > 0 };
}
