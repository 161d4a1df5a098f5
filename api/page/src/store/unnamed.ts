// Boxes that were drawn and have no class yet. A label needs one, so they are on no disk: this tab keeps them, through a reload.

import type { Place } from "../boxes/geometry";
import { theProject } from "./project";

const PLACE = "nextlabel.unnamed";
type Kept = Record<string, readonly Place[]>;

const key = (name: string) => `${theProject().labels}\n${name}`;

export const unnamedOn = (name: string): readonly Place[] => all()[key(name)] ?? [];

/** All of the image that have none. */
export function keepUnnamed(name: string, places: readonly Place[]): void {
  const { [key(name)]: before = [], ...others } = all();
  if (!places.length && !before.length) return;
  const now: Kept = places.length ? { ...others, [key(name)]: places } : others;
  sessionStorage.setItem(PLACE, JSON.stringify(now));
}

const all = () => JSON.parse(sessionStorage.getItem(PLACE) ?? "{}") as Kept;
