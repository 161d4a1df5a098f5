import { render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import { service } from "../testing";
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
