import { render, screen, waitFor } from "@testing-library/preact";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { underWay } from "../store/outbox";
import { setProject } from "../store/project";
import { aProject, asked, service } from "../testing";
import { KeepApart } from "./KeepApart";

test("a label that is written meanwhile takes away neither the number that is typed nor the focus", async () => {
  setProject(aProject);
  service.set("GET labels/validation", () => ({ images: 0, labelled: 0, names: [], most: 30 }));
  render(<KeepApart />);
  const field = (await screen.findByRole("spinbutton")) as HTMLInputElement;
  const user = userEvent.setup();
  await user.clear(field);
  await user.type(field, "7");
  await underWay(Promise.resolve());
  await waitFor(() => expect(asked.length).toBeGreaterThan(1));
  expect(field.isConnected).toBe(true);
  expect([field.value, document.activeElement]).toEqual(["7", field]);
});

test("names of another pool are told apart, and do not count", async () => {
  setProject(aProject);
  const not_in_pool = ["cat 1.jpg", "cat 2.jpg"];
  service.set("GET labels/validation", () => ({ images: 0, labelled: 0, names: [], not_in_pool, most: 30 }));
  render(<KeepApart />);
  expect(await screen.findByText(/no images of this pool .*: 2, cat 1\.jpg among them/)).toBeTruthy();
  expect(screen.getByRole("spinbutton")).toBeTruthy();
});
