import { expect, test } from "vitest";
import { inAddresses } from "./addresses";

const short = Array.from({ length: 250 }, (_, index) => `${index}.jpg`);

test("100 short names stand in an address, and of none there is one without", () => {
  expect(inAddresses(short).map(({ length }) => length)).toEqual([100, 100, 50]);
  expect(inAddresses([])).toEqual([[]]);
});

test("long names are as many as an address may hold, and none is lost, however long it is", () => {
  const long = Array.from({ length: 30 }, (_, index) => `${"ж".repeat(index === 7 ? 2000 : 150)}${index}.jpg`);
  const parts = inAddresses(long);
  expect(parts.flat()).toEqual(long);
  const letters = parts.map((names) => names.map((name) => `&of=${encodeURIComponent(name)}`).join("").length);
  expect(letters.filter((one) => one > 6000)).toHaveLength(1); // the one of 2,000
  expect(parts.every(({ length }) => length > 0)).toBe(true);
});
