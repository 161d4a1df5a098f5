import { signal } from "@preact/signals";
import { render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import type { Job } from "../service/types";
import { Asking } from "./Asking";

const failed = (request: object, code = "weights_unavailable") => {
  const job = { id: "job_1", kind: "selection", state: "failed", request, error: { code, detail: "it failed" } };
  const question = { job: signal(job as unknown as Job), refusal: signal(null) };
  render(<Asking question={question as never} />);
  return screen.getByRole("alert").textContent;
};

test("where weights are not here, the page says which backbone needs none", () => {
  expect(failed({ backbone: "mobilenet", task: "classification" })).toContain("“descriptor” needs no weights");
  expect(screen.getByRole("link", { name: "Choose it under Set-up" }).getAttribute("href")).toContain("#/setup");
});

test.each([
  { backbone: "mobilenet", task: "detection" },
  { backbone: "siglip", task: "classification", like_text: ["a dress"] },
])("it is silent where that would not help: %o", (request) => {
  expect(failed(request)).not.toContain("descriptor");
});

test("it is silent about other failures", () => {
  expect(failed({ backbone: "mobilenet" }, "no_labels")).not.toContain("descriptor");
});
