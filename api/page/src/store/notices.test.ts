import { beforeEach, expect, test } from "vitest";
import { get } from "../service/service";
import { problem, service } from "../testing";
import { attempt, toasts } from "./notices";

const REQUIRED = { pointer: "/add", code: "missing_field", detail: "Field required" };
const LEFT = {
  pointer: "/head",
  code: "invalid_value",
  detail: "boxes are found by a detector of its own: leave it out",
};
const CALLED = { pointer: "/name", code: "invalid_value", detail: "a project is called so already; give another name" };
const WHOLE = { pointer: "/", code: "invalid_value", detail: "the folders are the same" };

beforeEach(() => {
  toasts.value = [];
});

test.each([
  [[REQUIRED], "add: Field required"],
  [[LEFT], "head: boxes are found by a detector of its own: leave it out"],
  [[CALLED], "a project is called so already; give another name"],
  [[WHOLE], "the folders are the same"],
  [[CALLED, REQUIRED], "name: a project is called so already; give another name\nadd: Field required"],
])("a refusal says what it is about: %j", async (errors, said) => {
  service.set("GET a", () => problem(422, "invalid_request", "", { errors }));
  await attempt(() => get("a"));
  expect(toasts.value.map(({ text }) => text)).toEqual([said]);
});
