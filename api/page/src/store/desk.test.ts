import { expect, test, vi } from "vitest";
import { aProject, asked, labelsIn, problem, service } from "../testing";
import { Desk } from "./desk";
import { toasts } from "./notices";
import { setProject } from "./project";

const item = { given: "red", suggested: "green", reason: "", given_probability: 0.1, confidence: 0.9 };
const desk = () => new Desk({ items: ["a.png", "b.png"].map((name) => ({ ...item, name })) } as never);

test("a label that can't be changed for lack of the others is told, not marked as done, and holds up no later one", async () => {
  setProject(aProject);
  service.set("GET labels?", () => problem(422, "labels_malformed", "labels.txt is no text"));
  service.set("POST labels", () => ({ path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {} }));
  const both = desk();
  await both.change();
  expect(toasts.value.map(({ text }) => text)).toContain("labels.txt is no text");
  expect(both.done.value.size).toBe(0);
  service.set("GET labels?", () => ({ labels: 2, classes: [], people: [] }));
  await both.change();
  await vi.waitFor(() => expect(asked.filter(({ what }) => what === "POST labels")).toHaveLength(1));
  expect(labelsIn(asked.find(({ what }) => what === "POST labels")!.body)[0]).toMatchObject({
    name: "b.png",
    class: "green",
  });
});
