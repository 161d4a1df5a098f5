import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import type { Job } from "../service/types";
import { asked, held, service } from "../testing";
import { JobRow } from "./JobRow";

test("a double click on Try again begins one job", async () => {
  const job = { id: "job_1", kind: "map", title: "Map", state: "failed", request: {}, warnings: [], error: null };
  const late = held({ ...job, id: "job_2" });
  service.set("POST jobs/job_1/retry", late.answer);
  const refresh = vi.fn();
  render(<JobRow job={job as unknown as Job} refresh={refresh} />);
  const again = screen.getByRole("button", { name: /again/i });
  fireEvent.click(again);
  fireEvent.click(again);
  late.letGo();
  await vi.waitFor(() => expect(refresh).toHaveBeenCalled());
  expect(asked.map(({ what }) => what)).toEqual(["POST jobs/job_1/retry"]);
});

test("while one button of a job is at work the others are not, and it says so", async () => {
  const job = { id: "job_1", kind: "map", title: "Map", state: "succeeded", request: {}, warnings: [], error: null };
  const late = held(new Response("a,b"));
  service.set("GET jobs/job_1/result", late.answer);
  const refresh = vi.fn();
  URL.createObjectURL = () => "blob:";
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {}); // jsdom saves no files
  render(<JobRow job={job as unknown as Job} refresh={refresh} />);
  const [csv, forget] = ["CSV", /forget/i].map((name) => screen.getByRole("button", { name }));
  fireEvent.click(csv!);
  await vi.waitFor(() => expect(csv!.hasAttribute("disabled")).toBe(true));
  expect(forget!.hasAttribute("disabled")).toBe(false);
  late.letGo();
  await vi.waitFor(() => expect(csv!.hasAttribute("disabled")).toBe(false));
  expect(refresh).toHaveBeenCalledOnce();
});
