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

test("keys that do something else are no class's, and the class after the last key has none", () => {
  const keys = keysOf(Array.from({ length: 60 }, (_, at) => `class ${at}`));
  expect(keys.size).toBe(30);
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
