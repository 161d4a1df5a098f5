// The images that are kept apart to validate by: never proposed, never learnt from.

import { signal } from "@preact/signals";
import { get, post } from "../service/service";
import type { KeptApart } from "../service/types";
import { theProject, validated, whatALabelIs } from "./project";

/** Null: not looked at yet. */
export const apart = signal<KeptApart | null>(null);

export async function loadApart(signal: AbortSignal): Promise<void> {
  const { pool, labels } = theProject();
  apart.value = null;
  apart.value = await get<KeptApart>("labels/validation", {
    query: { path_to_labels: labels, path_to_img: pool, ...whatALabelIs() },
    signal,
  });
}

/** So many in all. Those that are kept apart already stay. */
export async function keepApart(images: number): Promise<void> {
  const { pool, labels } = theProject();
  const body = { path_to_img: pool, path_to_labels: labels, images, ...whatALabelIs() };
  apart.value = await post<KeptApart>("labels/validation", body);
}

/** What is asked with that is scored by a validation set: the one that Set-up names, else what is kept apart. */
export function scoredBy() {
  const { pool, labels } = theProject();
  const named = validated();
  if ("path_to_img_val" in named || !apart.value?.labelled) return named;
  return { path_to_img_val: pool, path_to_labels_val: labels };
}
