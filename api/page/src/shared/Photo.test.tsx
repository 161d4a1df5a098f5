import { act, fireEvent, render, screen } from "@testing-library/preact";
import { beforeEach, expect, test } from "vitest";
import { key } from "../service/service";
import { comebacks } from "../store/connection";
import { setProject } from "../store/project";
import { aProject, settle } from "../testing";
import { Photo } from "./Photo";

const shown = () => screen.getByRole<HTMLImageElement>("img");

beforeEach(() => {
  setProject(aProject);
  key.value = null;
});

test("an image is asked for at the first drawing, where no key is needed", () => {
  render(<Photo name="a.png" side={160} alt="a.png" />);
  expect(shown().getAttribute("src")).toBe("images?path_to_img=%2Fdata%2Fpool&name=a.png&side=160");
});

test("an image is never shown under the name of the next one", () => {
  const { rerender } = render(<Photo name="a.png" side={1024} alt="a.png" eager />);
  const first = shown();
  rerender(<Photo name="b.png" side={1024} alt="b.png" eager />);
  expect(shown()).not.toBe(first);
  expect(shown().src).toContain("name=b.png");
});

test("an image that could not be shown is tried again when the service is back", async () => {
  const { container } = render(<Photo name="a.png" side={160} alt="a.png" />);
  const first = shown();
  fireEvent.error(first);
  expect(container.querySelector(".broken")).not.toBeNull();
  await act(async () => {
    comebacks.value++;
    await settle();
  });
  expect(container.querySelector(".broken")).toBeNull();
  expect(shown()).not.toBe(first);
});
