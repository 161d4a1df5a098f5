import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import { Dialogs } from "../shared/Dialogs";
import { handOuts } from "../store/handOuts";
import { setProject } from "../store/project";
import { aProject, asked, held, service } from "../testing";
import { HandOuts } from "./HandOuts";

test("a double click on who has images opens one dialog, before the service has told anew", async () => {
  setProject(aProject);
  const annas = { job_id: "job_1", person: "anna", left: 8, labelled: 0, names: null, ends_at: "2026-11-30T00:00:00Z" };
  handOuts.value = [annas];
  const late = held({ hand_outs: [annas] });
  service.set("GET hand-outs", late.answer);
  render(<HandOuts job="job_2" />);
  render(<Dialogs />);
  const button = screen.getByRole("button");
  fireEvent.click(button);
  fireEvent.click(button);
  expect(await screen.findAllByText("With whom images are")).toHaveLength(1);
  expect(asked).toHaveLength(1);
  late.letGo();
});
