import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import { Dialogs } from "../shared/Dialogs";
import { held, service, settle } from "../testing";
import { pick } from "./Picker";

const folder = (path: string, ...folders: string[]) => ({
  ...{ path, folders, parent: "/data", files: [], images: 0, unread: {}, more: false, path_to_labels: null },
});

test("of two folders that are looked into the one that was chosen last is shown, whichever answers first", async () => {
  service.set("GET folders", () => folder("/data", "/data/old", "/data/new"));
  render(<Dialogs />);
  void pick("Folder", null, "folders");
  const [old, fresh] = [
    await screen.findByRole("button", { name: "old" }),
    screen.getByRole("button", { name: "new" }),
  ];
  const late = held(folder("/data/old"));
  service.set("GET folders", late.answer);
  fireEvent.click(old);
  service.set("GET folders", () => folder("/data/new"));
  fireEvent.click(fresh);
  await screen.findByText("/data/new");
  late.letGo();
  await settle();
  expect(screen.queryByText("/data/new")).toBeTruthy();
});
