import { signal } from "@preact/signals";
import { render, screen } from "@testing-library/preact";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { Suspects } from "./Suspects";

function show(items: readonly string[]) {
  const at = signal(0);
  const look = (index: number) => {
    at.value = index;
  };
  const desk = { items, at, done: signal(new Map<string, string>()), look };
  render(<Suspects label="Suspects" desk={desk} shown={9} idOf={(one) => one} draw={(one) => one} />);
  return at;
}

test("the row that the Tab key comes to is the one that is looked at", async () => {
  const at = show(["a", "b", "c"]);
  const user = userEvent.setup();
  for (let row = 0; row < 3; row++) await user.tab();
  expect(at.value).toBe(2);
});

test("where the next one is looked at the focus goes with it, and only if it was in the list", async () => {
  const at = show(["a", "b", "c"]);
  at.value = 1;
  await screen.findByRole("button", { name: "b", current: true });
  expect(document.activeElement).toBe(document.body);
  screen.getByRole("button", { name: "b" }).focus();
  at.value = 2;
  await screen.findByRole("button", { name: "c", current: true });
  expect(document.activeElement?.textContent).toBe("c");
});
