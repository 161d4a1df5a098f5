import { expect, test } from "vitest";
import { route } from "./route";

test.each([
  ["#/map", "map"],
  ["#/similar?like=a.png", "similar"],
  ["#/__proto__", "label"],
  ["#/constructor", "label"],
  ["#/toString?job=x", "label"],
  ["#nonsense", "label"],
])("the address %s shows the view %s, and never what every object has", (hash, view) => {
  location.hash = hash;
  dispatchEvent(new Event("hashchange"));
  expect(route.value.view).toBe(view);
});
