import { beforeEach, expect, test, vi } from "vitest";
import { aProject, asked, labelsIn, problem, service } from "../testing";
import { allSaved, give, guardUnsaved, unsaved } from "./outbox";
import { setProject } from "./project";

const label = (name: string, className = "red") => [{ name, class: className }];
const written = { path_to_labels: "/data/labels", person: "me", file: "me.txt", replaced: {} };
const names = () => asked.filter(({ what }) => what === "POST labels").map(({ body }) => labelsIn(body)[0]?.name);

beforeEach(() => setProject(aProject));

test("labels go one call after another, in the order in which they were given", async () => {
  service.set("POST labels", () => written);
  const outcomes = await Promise.all([give(label("a.png")), give(label("b.png")), give(label("c.png"))]);
  expect(outcomes).toEqual(["written", "written", "written"]);
  expect(names()).toEqual(["a.png", "b.png", "c.png"]);
  expect(unsaved.value).toBe(0);
});

test("a label that nobody took is sent again until somebody does, and later ones wait behind it", async () => {
  let away = true;
  service.set("POST labels", () => {
    if (away) throw new TypeError("nobody is there");
    return written;
  });
  const first = give(label("a.png"));
  void give(label("b.png"));
  await vi.waitFor(() => expect(names()).toEqual(["a.png", "a.png"]), 3000);
  expect(unsaved.value).toBe(2);
  away = false;
  expect(await first).toBe("written");
  await allSaved();
  expect(names().at(-1)).toBe("b.png");
});

test("what the service refuses is not sent again, and holds up nothing", async () => {
  service.set("POST labels", (_, body) =>
    labelsIn(body)[0]?.name === "a.png" ? problem(422, "labels_malformed", "a tab in it") : written,
  );
  expect(await give(label("a.png"))).toBe("refused");
  expect(await give(label("b.png"))).toBe("written");
});

test("what others say otherwise is told apart, to be decided by a person", async () => {
  service.set("POST labels", () => problem(409, "labelled_otherwise", "a.png is blue in anna.txt"));
  expect(await give(label("a.png"))).toBe("otherwise");
});

test("leaving the page asks while a label is not on the disk, and only then", async () => {
  guardUnsaved();
  let take: (value: unknown) => void = () => {};
  service.set(
    "POST labels",
    () =>
      new Promise((resolve) => {
        take = resolve;
      }),
  );
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  };
  expect(leave()).toBe(false);
  const given = give(label("a.png"));
  await vi.waitFor(() => expect(names()).toEqual(["a.png"]));
  expect(leave()).toBe(true);
  take(written);
  await given;
  expect(leave()).toBe(false);
});
