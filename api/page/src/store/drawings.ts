// What people drew on images, as it stands on the disk.

import type { Place } from "../boxes/geometry";
import { inAddresses } from "../service/addresses";
import { ask, get, post } from "../service/service";
import type { BoxesSettled, BoxesView, BoxesWritten, ImageBoxes } from "../service/types";
import { takerOfCounts } from "./labels";
import { tellTabs } from "./outbox";
import { signedBy } from "./person";
import { setProject, theProject } from "./project";

const NO_ANSWER_S = 10;

export interface GivenBox {
  class: string;
  box: Place;
  crowd?: boolean;
}
export interface GivenBoxes {
  name: string;
  /** All that is on it; null takes back what the person said. */
  boxes: readonly GivenBox[] | null;
  /** Of the person's own drawing that this was made from. */
  version: string;
  unfinished?: boolean;
  /** Of what was seen to be settled on it; empty: nothing was. Refused where something else is by now. */
  settled: string;
  /** Of the image that they were drawn on: refused if it has another size by now. */
  width?: number | undefined;
  height?: number | undefined;
}

export const isOwn = ({ person }: { person: string }) => person === theProject().person;

/** What others drew stays in their files. What is to count where it contradicts this: this, over these versions of theirs;
 * or nobody's, until that is settled. Else it is refused. */
export type Over = { replace: readonly string[]; settle: true } | { keep_both: true } | Record<never, never>;

/** Writes a person's boxes of an image. Resolves with the version that it has now. */
export async function giveBoxes(image: GivenBoxes, over: Over = {}): Promise<string> {
  const { pool, labels, person } = theProject();
  const body = { path_to_img: pool, path_to_labels: labels, images: [image], ...over, ...signedBy() };
  const written = await post<BoxesWritten>("labels/boxes", body, { patience: NO_ANSWER_S });
  if (written.person !== person) setProject({ person: written.person });
  tellTabs(labels);
  return written.versions[image.name] ?? "";
}

export interface SettledBoxes {
  name: string;
  /** All that is on it, whatever people drew; null opens the question again. */
  boxes: readonly GivenBox[] | null;
  /** Of the image, as it was seen. */
  version: string;
  width?: number | undefined;
  height?: number | undefined;
}

/** Settles what counts of an image; everybody's file stays as it is. Resolves with the version that the image has now. */
export async function settleBoxes(image: SettledBoxes): Promise<string> {
  const { pool, labels } = theProject();
  const body = { path_to_img: pool, path_to_labels: labels, images: [image], ...signedBy() };
  const written = await post<BoxesSettled>("labels/boxes/settle", body, { patience: NO_ANSWER_S });
  tellTabs(labels);
  return written.versions[image.name] ?? "";
}

/** What counts of what was drawn on an image: what was settled, else what stands first of what is finished. */
export const whatCounts = ({ settled, drawings }: ImageBoxes) =>
  settled ?? drawings.find(({ unfinished }) => !unfinished) ?? null;

/** What everybody drew on these images. */
export async function drawnOn(
  items: readonly { name: string }[],
  signal?: AbortSignal,
): Promise<Map<string, ImageBoxes>> {
  const { pool, labels } = theProject();
  if (!items.length) return new Map();
  const found = await Promise.all(
    inAddresses(items.map(({ name }) => name)).map((of) => {
      const query = { path_to_labels: labels, path_to_img: pool, of };
      return get<{ images: ImageBoxes[] }>("labels/boxes/images", { query, signal });
    }),
  );
  return new Map(found.flatMap(({ images }) => images).map((one) => [one.name, one]));
}

export interface ImageSize {
  width: number;
  height: number;
}

/** How large these images are, in pixels; without those that can't be read. */
export async function sizesOf(
  items: readonly { name: string }[],
  signal?: AbortSignal,
): Promise<Map<string, ImageSize>> {
  const names = [...new Set(items.map(({ name }) => name))].map((name) => ({ name }));
  const found = [...(await drawnOn(names, signal)).values()];
  return new Map(
    found.flatMap(({ name, width, height }) => (width && height ? [[name, { width, height }] as const] : [])),
  );
}

/** Counts boxes and images anew. */
export const survey = async (signal?: AbortSignal) => (await surveyIfChanged(null, signal))!.view;

/** The same, but null where nothing has changed since the answer of that ETag. */
export async function surveyIfChanged(
  since: string | null,
  signal?: AbortSignal,
): Promise<{ view: BoxesView; etag: string | null } | null> {
  const folder = theProject().labels;
  const take = takerOfCounts(() => survey());
  const headers: Record<string, string> = since ? { "If-None-Match": since } : {};
  const answer = await ask("GET", "labels/boxes", { query: { path_to_labels: folder }, headers, signal });
  if (answer.status === 304) return null;
  const view = (await answer.json()) as BoxesView;
  take(view, folder);
  return { view, etag: answer.headers.get("ETag") };
}
