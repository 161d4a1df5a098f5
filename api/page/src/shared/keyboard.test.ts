import { expect, test } from "vitest";
import { keyOf } from "./keyboard";

const press = (key: string, code: string) => new KeyboardEvent("keydown", { key, code });

test("on a layout without Latin letters the place of a key counts", () => {
  expect(keyOf(press("ы", "KeyS"))).toBe("s");
  expect(keyOf(press("Т", "KeyN"))).toBe("n");
  expect(keyOf(press("é", "Digit2"))).toBe("2");
});

test("Latin letters count wherever they stand, as on a Dvorak keyboard", () => {
  expect(keyOf(press("o", "KeyS"))).toBe("o");
  expect(keyOf(press("?", "Slash"))).toBe("?");
});

test("a letter that is a class's own is left as it is", () => {
  expect(keyOf(press("ы", "KeyS"), (key) => key === "ы")).toBe("ы");
});
