// The words of the page in the language of who reads it: English until `speak` has fetched another catalogue.

import { read, write } from "../store/memory";
import * as en from "./en";

type Catalogue = Pick<typeof en, "words" | "number" | "percent" | "score" | "ago">;
export type Words = Catalogue["words"];
type Language = keyof typeof LANGUAGES;

/** Each under its own name, and where its catalogue is; only the one that is spoken is fetched. */
export const LANGUAGES = {
  en: { name: "English", fetch: async (): Promise<Catalogue> => en },
  ru: { name: "Русский", fetch: async (): Promise<Catalogue> => import("./ru") },
};
const PLACE = "nextlabel.language";

// Set before anything that says them is loaded (main.tsx), so a file may hold on to a part of them.
export let { words, number, percent, score, ago } = en as Catalogue;

/** The language that was chosen here; else the first of the browser's that there is a catalogue of. */
export function language(): Language {
  const wanted = [read(PLACE, ""), ...navigator.languages].map((name) => name.toLowerCase().split("-")[0]!);
  return wanted.find((name): name is Language => name in LANGUAGES) ?? "en";
}

/** Takes hold when the page is loaded anew. */
export const choose = (name: string) => write(PLACE, name);

/** Speaks it from now on. What can't be fetched leaves the page in English. */
export async function speak(name: Language = language()): Promise<void> {
  if (name === "en") return;
  const catalogue = await LANGUAGES[name].fetch().catch(() => null);
  if (!catalogue) return;
  ({ words, number, percent, score, ago } = catalogue);
  document.documentElement.lang = name;
}
