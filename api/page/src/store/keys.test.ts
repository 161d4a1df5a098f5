import { expect, test } from "vitest";
import { keysOf, matching, reordered } from "./keys";

test("a class that is one digit or letter has its own key, the others get digits in order", () => {
  const keys = keysOf(["shirt", "7", "dress", "B"]);
  expect([...keys]).toEqual([
    ["7", "7"],
    ["B", "b"],
    ["shirt", "1"],
    ["dress", "2"],
  ]);
});

test("keys that do something else are no class's, and where all are used up a key has two strokes", () => {
  const keys = keysOf(Array.from({ length: 120 }, (_, at) => `class ${at}`));
  expect(keys.size).toBe(102);
  expect([...keys.values()].slice(29, 32)).toEqual(["z", ".1", ".2"]);
  for (const taken of "cmnsuy") expect([...keys.values()]).not.toContain(taken);
});

test("a class that is gone keeps no other from its key, and leaves its own to the next new one", () => {
  const order = reordered(["dress", "shi", "shirt"], ["dress", "shirt"]);
  expect(keysOf(order).get("shirt")).toBe("3");
  const later = reordered(order, ["dress", "shirt", "coat"]);
  expect(keysOf(later).get("shirt")).toBe("3");
  expect(keysOf(later).get("coat")).toBe("2");
});

test("a part of a name finds the class: whole names first, then beginnings", () => {
  const classes = ["t-shirt", "shirt", "dress", "shirt dress"];
  expect(matching(classes, "shi")).toEqual(["shirt", "shirt dress", "t-shirt"]);
  expect(matching(classes, "SHIRT")[0]).toBe("shirt");
  expect(matching(classes, "coat")).toEqual([]);
  expect(matching(classes, "")).toEqual(classes);
  expect(matching(["caf\u00e9"], "cafe\u0301")).toEqual(["caf\u00e9"]);
});

test("keys that the service said stand, and others get what is left", () => {
  const keys = keysOf(
    ["cat", "dog", "7"],
    "",
    new Map([
      ["dog", "1"],
      ["gone", "2"],
    ]),
  );
  expect([...keys].sort()).toEqual([
    ["7", "7"],
    ["cat", "2"],
    ["dog", "1"],
  ]);
});

test("a key that was kept goes before a class's own, and gives way to one that the service said", () => {
  const kept = new Map([
    ["cat", "1"],
    ["dog", "2"],
    ["hen", "x"],
  ]);
  const keys = keysOf(["cat", "dog", "hen", "2", "fox"], "x", new Map([["fox", "1"]]), kept);
  expect(Object.fromEntries(keys)).toEqual({ fox: "1", dog: "2", cat: "3", hen: "4", 2: "5" });
});
