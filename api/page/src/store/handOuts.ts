// Which images are with whom: a batch is a person's for a time, and nobody else gets its images meanwhile.

import { signal } from "@preact/signals";
import { get, Problem, post } from "../service/service";
import type { GivenBack, HandOut, HandOutList } from "../service/types";
import { holder } from "./person";
import { theProject } from "./project";
import { inOrder } from "./turns";

export const handOuts = signal<readonly HandOut[]>([]);

const looks = inOrder();
const here = () => ({ path_to_img: theProject().pool, path_to_labels: theProject().labels });

/** Looks anew. Nothing on the page waits for it, so nobody is told where it can't be looked at. */
export async function lookAtHandOuts(signal?: AbortSignal): Promise<void> {
  const isNewest = looks.asked();
  try {
    const { hand_outs } = await get<HandOutList>("hand-outs", { query: here(), signal });
    if (isNewest()) handOuts.value = hand_outs;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (isNewest()) handOuts.value = [];
  }
}

/** Takes a batch back from whoever has it. Resolves with how many images are anybody's again. */
export async function takeBack({ person, job_id }: HandOut): Promise<number> {
  const { images } = await post<GivenBack>("hand-outs/give-back", { ...here(), person, job_id });
  await lookAtHandOuts();
  return images;
}

/** Who skips an image leaves it to others. Where that isn't heard now, its time is over some day. */
export function leaveToOthers(name: string): void {
  void post("hand-outs/give-back", { ...here(), person: holder(), names: [name] }).catch(() => {});
}
