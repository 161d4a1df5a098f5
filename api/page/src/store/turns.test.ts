import { expect, test } from "vitest";
import { inOrder, oneAtATime } from "./turns";

test("an answer that was overtaken by one that was asked for later comes too late, and no other does", () => {
  const looks = inOrder();
  const [first, second, third] = [looks(), looks(), looks()];
  expect([second(), first(), third()]).toEqual([true, false, true]);
});

test("a second click does nothing while the first is at work, also where that fails", async () => {
  const alone = oneAtATime();
  const first = alone(() => new Promise((_, reject) => setTimeout(() => reject(new Error("it failed")), 20)));
  expect(await alone(async () => "twice")).toBe(null);
  await expect(first).rejects.toThrow("it failed");
  expect(await alone(async () => "again")).toBe("again");
});
