// Each catalogue says all that the English one says, in its own language.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { choose, language, speak, words } from ".";
import * as en from "./en";
import { inWords } from "./faults";
import * as ru from "./ru";

type Said = Map<string, unknown>;
const NAMES = ["codes", "stage", "title", "units", "backbones", "methods", "uses", "results"]; // of what the service names: what is missing there is as the service says it

const said = (group: object, path = ""): Said =>
  new Map(
    Object.entries(group).flatMap(([key, value]) =>
      typeof value === "object" && !NAMES.includes(key)
        ? [...said(value, `${path}${key}.`)]
        : ([[`${path}${key}`, value]] as [string, unknown][]),
    ),
  );
const english = said(en.words);
const russian = said(ru.words);

describe("the Russian catalogue", () => {
  it("says what the English one says, and nothing else", () => {
    expect([...russian.keys()].sort()).toEqual([...english.keys()].sort());
    expect(english.size).toBeGreaterThan(500);
  });

  it("says it in Russian", () => {
    const same = [...russian].filter(([key, value]) => {
      const text = proseOf(value);
      return (
        typeof value !== "object" &&
        /[a-z]{3}/i.test(text) &&
        !/[а-яё]/i.test(text) &&
        proseOf(english.get(key)) === text
      );
    });
    expect(same.map(([key]) => key).filter((key) => !UNTRANSLATED.test(key))).toEqual([]);
  });

  it("has the three forms that follow a number", () => {
    const { inAll, toLabel } = ru.words.label;
    expect([1, 2, 5, 11, 21, 1002].map(inAll)).toEqual([
      "всего 1 метка",
      "всего 2 метки",
      "всего 5 меток",
      "всего 11 меток",
      "всего 21 метка",
      "всего 1\u00a0002 метки",
    ]);
    expect(toLabel(3)).toBe("К разметке: 3 изображения.");
  });

  it("names buttons as they are called", () => {
    for (const { boxes } of [en.words, ru.words]) expect(boxes.noneSeen).toContain(boxes.nothingHere);
  });

  it("writes numbers as Russians do", () => {
    expect(ru.score(0.8125)).toBe("0,813");
    expect(ru.percent(0.954, 1)).toBe("95,4\u00a0%");
    expect(ru.ago(new Date(0).toISOString(), 7_200_000)).toBe("2,0 ч назад");
  });
});

describe("a fault", () => {
  it("is said in Russian, whichever code the service documents", () => {
    const rows = readFileSync("../../docs/errors.md", "utf8").split("\n");
    const cells = rows.filter((row) => row.startsWith("|")).flatMap((row) => row.split(" | ").slice(0, 2));
    const codes = cells.filter((cell) => /^\|? ?(`\w+`(, )?)+$/.test(cell)).flatMap((cell) => cell.match(/\w+/g) ?? []);
    expect(codes.length).toBeGreaterThan(80);
    expect(codes.filter((code) => !ru.words.codes[code])).toEqual([]);
  });

  it("and why a job was interrupted, too", () => {
    const line = readFileSync("../../docs/errors.md", "utf8").match(/^.*`last_interruption.reason`:(.*?)\. /m)![1]!;
    const reasons = [...line.matchAll(/`(\w+)`/g)].map((found) => found[1]!);
    expect(reasons).toContain("gave_way");
    for (const reason of reasons) expect(ru.words.jobs.interrupted(reason)).not.toContain(reason);
  });

  it("names the path, or what the service says more exactly", async () => {
    const gone = { code: "path_not_found", detail: "'/x' does not exist. Name another." };
    const malformed = { code: "labels_malformed", detail: "me.txt:3 has no tab" };
    expect(inWords(gone)).toBe(gone.detail);
    await speak("ru");
    expect(inWords(gone)).toBe("'/x': такой папки или файла нет");
    expect(inWords(malformed)).toBe("в файле меток есть строки, которые не читаются (me.txt:3 has no tab)");
  });
});

describe("the language", () => {
  afterEach(() => localStorage.clear());

  it("is the browser's where there is a catalogue of it, and what was chosen before that", () => {
    expect(language()).toBe("en");
    choose("ru");
    expect(language()).toBe("ru");
    choose("xx");
    expect(language()).toBe("en");
  });

  it("is spoken once its catalogue is there", async () => {
    await speak("ru");
    expect(words.label.title).toBe("Разметка");
    expect(document.documentElement.lang).toBe("ru");
  });
});

/** The letters that it says itself, whatever names and numbers it is given. */
function proseOf(value: unknown): string {
  if (typeof value !== "function") return String(value);
  const literals = value.toString().match(/`[^`]*`|"[^"]*"/g) ?? [];
  return literals.join(" ").replace(/\$\{[^}]*\}/g, "");
}

/** Names of keys of a keyboard and of formats. */
const UNTRANSLATED =
  /^(app\.title|classes\.colourHint|jobs\.csv|label\.(deleteKey|takesMatch)|boxes\.removeKey|help\.)/;
