import { expect, test } from "vitest";
import { TallScroll } from "./tallScroll";

test("what fits a box is scrolled as it is", () => {
  const scroll = new TallScroll(5000, 500);
  expect([scroll.box, scroll.scrolled(1234), scroll.at, scroll.offset]).toEqual([5000, 1234, 1234, 0]);
});

test("step by step, every place from the beginning to the end is passed, and back", () => {
  const scroll = new TallScroll(100_000, 100, 6000);
  let top = 0;
  for (let at = 0; at <= 99_900; at += 100) {
    expect(scroll.at).toBe(at);
    if (at < 99_900) top = scroll.scrolled(top + 100);
    expect(top).toBeLessThanOrEqual(5900);
  }
  for (let at = 99_900; at > 0; at -= 100) {
    top = scroll.scrolled(top - 100);
    expect(top).toBeGreaterThanOrEqual(0);
    expect(scroll.at).toBe(at - 100);
  }
});

test("the scroll bar reaches everything in proportion, and both ends", () => {
  const scroll = new TallScroll(1_000_000, 100, 10_000);
  scroll.scrolled(4950);
  expect(scroll.at).toBeCloseTo(499_950, -2);
  scroll.scrolled(scroll.to(0));
  expect(scroll.at).toBe(0);
  scroll.scrolled(9900);
  expect(scroll.at).toBe(999_900);
  scroll.scrolled(0);
  expect(scroll.at).toBe(0);
});
