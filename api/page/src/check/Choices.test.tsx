import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import type { Outcome } from "../store/outbox";
import { Choices } from "./Choices";

test("of two that are pressed the last one holds, also where the first fails by a fault of the page", async () => {
  const told: unknown[] = [];
  const unforeseen = (fault: Error) => told.push(fault.message);
  process.on("unhandledRejection", unforeseen);
  let fail = (_: Error) => {};
  const first = () =>
    new Promise<Outcome>((_, reject) => {
      fail = reject;
    });
  const second = vi.fn(async (): Promise<Outcome> => "written");
  const choices = [
    { label: "cat", settle: first },
    { label: "dog", settle: second },
  ];
  render(<Choices choices={choices} />);
  fireEvent.click(screen.getByRole("button", { name: "cat" }));
  fireEvent.click(screen.getByRole("button", { name: "dog" }));
  await Promise.resolve();
  expect(second).not.toHaveBeenCalled();
  fail(new Error("not foreseen"));
  await vi.waitFor(() => expect(screen.getByRole("button", { pressed: true }).textContent).toBe("dog"));
  await vi.waitFor(() => expect(told).toEqual(["not foreseen"]));
  process.off("unhandledRejection", unforeseen);
});
