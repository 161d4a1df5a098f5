import { expect, test } from "vitest";

test.each(["first", "second"])("a test finds neither address nor language of another: the %s", () => {
  expect([location.hash, document.documentElement.lang]).toEqual(["", ""]);
  location.hash = "#/map";
  document.documentElement.lang = "ru";
});
