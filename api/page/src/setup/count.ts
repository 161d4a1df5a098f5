import { get } from "../service/service";
import type { Folder } from "../service/types";

const MOST_FOLDERS = 40;

export interface Below {
  images: number;
  /** By suffix: what looks like an image and is not read. */
  unread: Folder["unread"];
  /** There are more folders than were looked into. */
  more: boolean;
}

/** What lies below a folder, not counting its own. */
export async function imagesBelow(folder: Folder, signal?: AbortSignal): Promise<Below> {
  const waiting = [...folder.folders];
  const unread: Folder["unread"] = {};
  let images = 0;
  for (let looked = 0; looked < MOST_FOLDERS; looked++) {
    const path = waiting.shift();
    if (!path) return { images, unread, more: folder.more };
    const below = await get<Folder>("folders", { query: { path }, signal });
    images += below.images;
    addUp(unread, below.unread);
    waiting.push(...below.folders);
  }
  return { images, unread, more: waiting.length > 0 };
}

export function addUp(counts: Folder["unread"], more: Folder["unread"]): void {
  for (const [suffix, count] of Object.entries(more)) counts[suffix] = (counts[suffix] ?? 0) + count;
}
