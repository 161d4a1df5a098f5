import { render, screen } from "@testing-library/preact";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import type { ClassView } from "../service/types";
import { Dialogs } from "../shared/Dialogs";
import { dialogs } from "../store/notices";
import { setProject } from "../store/project";
import { aProject, asked, held, problem, service, settle } from "../testing";
import { showClasses } from "./ClassesDialog";

const one = (name: string, key: string): ClassView => ({
  name,
  key,
  colour: "",
  description: "",
  example: "",
  labels: 1,
  declared: true,
});
const view = { path_to_labels: "/data/labels", version: "v1", classes: [one("cat", "1"), one("cta", "2")] };
const told = (what: string) => asked.filter((one) => one.what.startsWith(what)).map(({ body }) => body);

beforeEach(() => {
  dialogs.value = []; // of the test before
  setProject(aProject);
  service.set("GET labels/classes", () => view);
});

async function change(name: string) {
  render(<Dialogs />);
  void showClasses();
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: `Change ${name}` }));
  return user;
}

test("what is said of a class is written first, then it is made one with another, when a person says so", async () => {
  service.set("PUT labels/classes", () => ({ ...view, classes: [one("cat", "1"), one("cta", "w")] }));
  service.set("POST labels/classes/change", (_, body) =>
    (body as { merge: boolean }).merge
      ? { path_to_labels: "/data/labels", labels: {} }
      : problem(422, "invalid_request", "there are labels", {
          errors: [{ pointer: "/to", code: "invalid_value", detail: "there are labels" }],
        }),
  );
  const user = await change("cta");
  await user.clear(screen.getByLabelText("Key"));
  await user.type(screen.getByLabelText("Key"), "w");
  await user.clear(screen.getByLabelText("Name"));
  await user.type(screen.getByLabelText("Name"), "cat");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await user.click(await screen.findByRole("button", { name: "Make one of two" }));
  await vi.waitFor(() => expect(told("POST labels/classes/change").length).toBe(2));
  const said = { colour: "", description: "", example: "" };
  expect(told("PUT labels/classes")).toEqual([
    {
      path_to_labels: "/data/labels",
      version: "v1",
      classes: [
        { name: "cat", key: "1", ...said },
        { name: "cta", key: "w", ...said },
      ],
    },
  ]);
  expect(told("POST labels/classes/change").at(-1)).toEqual({
    path_to_labels: "/data/labels",
    class: "cta",
    to: "cat",
    merge: true,
  });
});

test("a class is removed when a person says so twice, and what is refused is said beside it", async () => {
  service.set("POST labels/classes/change", () => ({ path_to_labels: "/data/labels", labels: {} }));
  service.set("PUT labels/classes", () =>
    problem(422, "invalid_request", "is that of class 1", {
      errors: [{ pointer: "/classes/1/key", code: "invalid_value", detail: "is that of class 1 already" }],
    }),
  );
  const user = await change("cta");
  await user.clear(screen.getByLabelText("Key"));
  await user.type(screen.getByLabelText("Key"), "1{Enter}");
  expect((await screen.findByText(/class 1 already/)).textContent).toBe("key is that of class 1 already");
  await user.click(screen.getByRole("button", { name: /Remove, with/ }));
  expect(told("POST labels/classes/change")).toEqual([]);
  await user.click(await screen.findByRole("button", { name: "Remove" }));
  await vi.waitFor(() =>
    expect(told("POST labels/classes/change")).toEqual([
      { path_to_labels: "/data/labels", class: "cta", to: null, merge: false },
    ]),
  );
});

test("the next class that is typed stays, though the one before it is only then added", async () => {
  const late = held({ ...view, classes: [...view.classes, one("cow", "3")] });
  service.set("PUT labels/classes", late.answer);
  render(<Dialogs />);
  void showClasses();
  const user = userEvent.setup();
  const field = (await screen.findByLabelText("New class")) as HTMLInputElement;
  await screen.findByRole("button", { name: "Change cat" });
  await user.type(field, "cow{Enter}");
  await user.clear(field);
  await user.type(field, "dog");
  late.letGo();
  await screen.findByRole("button", { name: "Change cow" });
  await settle();
  expect(field.value).toBe("dog");
});
