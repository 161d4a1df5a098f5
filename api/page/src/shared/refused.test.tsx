import { render, screen, waitFor } from "@testing-library/preact";
import { expect, test } from "vitest";
import { Contradictions } from "../check/Contradictions";
import { toasts } from "../store/notices";
import { setProject } from "../store/project";
import { aProject, problem, service } from "../testing";

const gone = () => problem(404, "path_not_found", "/data/labels is not there");
const back = () => ({ labels: 0, classes: [], people: [], conflicts: [], settled: [] });

test("that a folder is gone stands under Check until it is back, and is no toast", async () => {
  setProject(aProject);
  service.set("GET labels", gone);
  render(<Contradictions />);
  expect((await screen.findByRole("alert")).textContent).toContain("/data/labels is not there");
  expect(toasts.value).toEqual([]);
  service.set("GET labels", back);
  dispatchEvent(new Event("focus"));
  await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
});

test("other refusals are told as ever", async () => {
  setProject(aProject);
  service.set("GET labels", () => problem(422, "invalid_request", "it is damaged"));
  render(<Contradictions />);
  await waitFor(() => expect(toasts.value.map(({ text }) => text)).toEqual(["it is damaged"]));
  expect(screen.queryByRole("alert")).toBeNull();
});
