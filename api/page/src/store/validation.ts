// The images that are kept apart to validate by: never proposed, never learnt from.

import { signal } from "@preact/signals";
import { get, post } from "../service/service";
import type { KeptApart } from "../service/types";
import { theProject, validated, whatALabelIs } from "./project";

/** Null: not looked at yet. */
export const apart = signal<KeptApart | null>(null);
let newest = 0;
let whose = "";

/** What is there stays until the answer is, unless it is another project's. An answer is dropped that a newer question, or
 * `keepApart`, has overtaken. */
export async function loadApart(signal?: AbortSignal): Promise<KeptApart> {
  const { pool, labels } = theProject();
  const query = { path_to_labels: labels, path_to_img: pool, ...whatALabelIs() };
  const mine = ++newest;
  if (whose !== JSON.stringify(query)) apart.value = null;
  whose = JSON.stringify(query);
  const answer = await get<KeptApart>("labels/validation", { query, signal });
  if (mine === newest) apart.value = answer;
  return answer;
}

/** So many in all. Those that are kept apart already stay. */
export async function keepApart(images: number): Promise<void> {
  const { pool, labels } = theProject();
  const body = { path_to_img: pool, path_to_labels: labels, images, ...whatALabelIs() };
  const mine = ++newest;
  const answer = await post<KeptApart>("labels/validation", body);
  if (mine === newest) apart.value = answer;
  else await loadApart(); // what was asked meanwhile may be told as it was before
}

/** What is asked with that is scored by a validation set: the one that Set-up names, else what is kept apart. */
export function scoredBy() {
  const { pool, labels } = theProject();
  const named = validated();
  if ("path_to_img_val" in named || !apart.value?.labelled) return named;
  return { path_to_img_val: pool, path_to_labels_val: labels };
}
