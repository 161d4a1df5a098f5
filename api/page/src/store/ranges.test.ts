import { expect, test } from "vitest";
import { Ranges } from "./ranges";

const said = (ranges: Ranges) => ranges.all.map((one) => one.join("-")).join(" ");

test("ranges that touch become one, and a hole makes two of one", () => {
  const some = Ranges.between(5, 3).with(Ranges.between(8, 9)).with(Ranges.between(6, 7));
  expect(said(some)).toBe("3-10");
  expect(said(some.toggled(5))).toBe("3-5 6-10");
  expect(some.toggled(5).size).toBe(6);
  expect(said(some.without(Ranges.between(0, 100)))).toBe("");
});

test("what is in them is found, whatever was done to them", () => {
  let ranges = Ranges.none;
  const known = new Set<number>();
  for (let step = 0; step < 300; step++) {
    const [one, other] = [(step * 37) % 101, (step * 53) % 89];
    const range = Ranges.between(one, other);
    const isGone = step % 3 === 0;
    ranges = isGone ? ranges.without(range) : ranges.with(range);
    for (let at = Math.min(one, other); at <= Math.max(one, other); at++) isGone ? known.delete(at) : known.add(at);
    ranges = ranges.toggled(step % 97);
    known.has(step % 97) ? known.delete(step % 97) : known.add(step % 97);
    expect(ranges.size).toBe(known.size);
  }
  for (let at = 0; at < 110; at++) expect(ranges.has(at)).toBe(known.has(at));
});
