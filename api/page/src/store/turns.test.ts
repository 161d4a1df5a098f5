import { expect, test } from "vitest";
import { inOrder, oneAfterAnother, oneAtATime } from "./turns";

test("an answer that was overtaken by one that was asked for later comes too late, and no other does", () => {
  const looks = inOrder();
  const [first, second, third] = [looks.asked(), looks.asked(), looks.asked()];
  expect([second(), first(), third()]).toEqual([true, false, true]);
});

test("what was asked before something else told it comes too late, and what is asked after does not", () => {
  const looks = inOrder();
  const before = looks.asked();
  looks.overtake();
  const after = looks.asked();
  expect([before(), after()]).toEqual([false, true]);
});

test("a second click does nothing while the first is at work, also where that fails", async () => {
  const alone = oneAtATime();
  const first = alone(() => new Promise((_, reject) => setTimeout(() => reject(new Error("it failed")), 20)));
  expect(await alone(async () => "twice")).toBe(null);
  await expect(first).rejects.toThrow("it failed");
  expect(await alone(async () => "again")).toBe("again");
});

test("work is done one after another, also after a piece that failed, which fails for whoever asked for it", async () => {
  const inTurn = oneAfterAnother();
  const done: string[] = [];
  const first = inTurn(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    done.push("first");
    throw new TypeError("a fault of the page");
  });
  const second = inTurn(async () => done.push("second"));
  await expect(first).rejects.toThrow("a fault of the page");
  expect(await second).toBe(2);
  expect(done).toEqual(["first", "second"]);
});
