import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import { problem, service } from "../testing";
import { PathField } from "./PathField";

const folder = (path: string, images: number, folders: string[] = [], unread = {}) => ({
  path,
  parent: "/data",
  images,
  folders,
  files: [],
  unread,
  more: false,
});

function show(value: string) {
  render(<PathField id="pool" label="Folder" hint="" value={value} kind="images" onChange={() => {}} />);
}

test("images in sub-folders are counted, and what looks like an image and is not read is named", async () => {
  service.set("GET folders?path=%2Fdata%2Fpool%2Fdeep", () => folder("/data/pool/deep", 5003, [], { ".raw": 1 }));
  service.set("GET folders", () => folder("/data/pool", 0, ["/data/pool/deep"], { ".raw": 2 }));
  show("/data/pool");
  expect(await screen.findByText("5,003 images in its sub-folders")).toBeTruthy();
  expect(screen.getByText("Not read, though they look like images: 3 .raw.")).toBeTruthy();
});

test("a folder without any image says so", async () => {
  service.set("GET folders", () => folder("/data/pool", 0));
  show("/data/pool");
  expect(await screen.findByText("There is no image in it.")).toBeTruthy();
});

test("a folder that can't be had is told beside the field as soon as it is named, until another is typed", async () => {
  service.set("GET folders", () => problem(422, "path_not_found", "'/data/gone' does not exist."));
  show("/data/gone");
  expect(await screen.findByText("'/data/gone' does not exist.")).toBeTruthy();
  const input = screen.getByRole("textbox");
  expect(input.getAttribute("aria-invalid")).toBe("true");
  fireEvent.input(input, { target: { value: "/data/po" } });
  expect(input.getAttribute("aria-invalid")).toBe("false");
});

test("what is suggested to somebody who is about to type is replaced by what they type", () => {
  const field = (value: string) => (
    <PathField id="labels" label="Folder" hint="" value={value} kind="folders" onChange={() => {}} />
  );
  const { rerender } = render(field(""));
  const input = screen.getByRole("textbox") as HTMLInputElement;
  input.focus();
  rerender(field("/data/pool-labels"));
  expect([input.selectionStart, input.selectionEnd]).toEqual([0, "/data/pool-labels".length]);
});
