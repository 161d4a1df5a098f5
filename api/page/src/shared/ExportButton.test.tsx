import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import { setProject } from "../store/project";
import { aProject, asked, problem, service } from "../testing";
import { Dialogs } from "./Dialogs";
import { ExportButton } from "./ExportButton";

test("a file is saved once, Save says that it is under way, and one that failed can be saved again", async () => {
  setProject(aProject);
  let answer = (_: Response) => {};
  service.set("POST export", () => new Promise<Response>((resolve) => (answer = resolve)));
  render(<Dialogs />);
  render(<ExportButton job={null} />);
  fireEvent.click(screen.getByRole("button"));
  const save = await screen.findByRole("button", { name: "Save" });
  fireEvent.click(save);
  fireEvent.click(save);
  await vi.waitFor(() => expect(save.hasAttribute("disabled")).toBe(true));
  expect(asked).toHaveLength(1);
  answer(problem(422, "path_not_found", "the folder is gone"));
  await vi.waitFor(() => expect(save.hasAttribute("disabled")).toBe(false));
});
