import { render, screen } from "@testing-library/preact";
import userEvent from "@testing-library/user-event";
import { createRef } from "preact";
import { beforeEach, expect, test, vi } from "vitest";
import { Dialogs } from "../shared/Dialogs";
import { counts } from "../store/labels";
import { classOrder, setProject } from "../store/project";
import { aProject } from "../testing";
import { ClassField } from "./ClassField";

const onClass = vi.fn();

function show(...classes: string[]) {
  setProject(aProject);
  classOrder.value = classes;
  counts.value = new Map(classes.map((name) => [name, 1]));
  render(
    <>
      <ClassField
        field={createRef()}
        given={null}
        suggested={null}
        onClass={onClass}
        onEmpty={() => {}}
        onLeave={() => {}}
      />
      <Dialogs />
    </>,
  );
  return userEvent.setup();
}

beforeEach(() => onClass.mockClear());

test("Enter takes the class that a part of its name fits", async () => {
  const user = show("t-shirt", "shirt", "dress");
  await user.type(screen.getByRole("textbox"), "shi{Enter}");
  expect(onClass).toHaveBeenCalledExactlyOnceWith("shirt");
  expect(screen.getByRole<HTMLInputElement>("textbox").value).toBe("");
});

test("an arrow takes the next match", async () => {
  const user = show("t-shirt", "shirt", "dress");
  await user.type(screen.getByRole("textbox"), "shi{ArrowDown}{Enter}");
  expect(onClass).toHaveBeenCalledExactlyOnceWith("t-shirt");
});

test("a class that is not there yet is asked about, and made when a person says so", async () => {
  const user = show("shirt");
  await user.type(screen.getByRole("textbox"), "coat{Enter}");
  expect(onClass).not.toHaveBeenCalled();
  await user.click(await screen.findByRole("button", { name: "Type something else" }));
  expect(onClass).not.toHaveBeenCalled();
  await user.type(screen.getByRole("textbox"), "{Enter}");
  await user.click(await screen.findByRole("button", { name: /Make the class/ }));
  await vi.waitFor(() => expect(onClass).toHaveBeenCalledExactlyOnceWith("coat"));
});

test("a new class whose name is a part of another one can be had, by its own button", async () => {
  const user = show("t-shirt");
  await user.type(screen.getByRole("textbox"), "shirt");
  await user.click(screen.getByRole("button", { name: /New class/ }));
  expect(onClass).toHaveBeenCalledExactlyOnceWith("shirt");
});

test("the very first class is made without a question", async () => {
  const user = show();
  await user.type(screen.getByRole("textbox"), "shirt{Enter}");
  await vi.waitFor(() => expect(onClass).toHaveBeenCalledExactlyOnceWith("shirt"));
});

test("a word that stands whole in another class's name may be a class of its own, and is asked about", async () => {
  const user = show("t-shirt", "dress");
  await user.type(screen.getByRole("textbox"), "shirt{Enter}");
  expect(onClass).not.toHaveBeenCalled();
  await user.click(await screen.findByRole("button", { name: "Make the class “shirt”" }));
  await vi.waitFor(() => expect(onClass).toHaveBeenCalledExactlyOnceWith("shirt"));
  onClass.mockClear();
  await user.type(screen.getByRole("textbox"), "shirt{Enter}");
  await user.click(await screen.findByRole("button", { name: "It is “t-shirt”" }));
  await vi.waitFor(() => expect(onClass).toHaveBeenCalledExactlyOnceWith("t-shirt"));
});
