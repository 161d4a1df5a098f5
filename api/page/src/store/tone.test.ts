import { expect, test } from "vitest";
import { toneIn } from "./tone";

test("hue and saturation of a colour, long or short", () => {
  expect(toneIn("#ff0000")).toEqual({ hue: 0, saturation: 1 });
  expect(toneIn("#0f0")).toEqual({ hue: 120, saturation: 1 });
  expect(toneIn("#8080ff")).toEqual({ hue: 240, saturation: 1 });
  expect(toneIn("#808080")).toEqual({ hue: 0, saturation: 0 });
});
