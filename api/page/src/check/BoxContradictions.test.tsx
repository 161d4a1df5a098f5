import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import { setProject } from "../store/project";
import { aProject, asked, held, problem, service, settle } from "../testing";
import { BoxContradictions } from "./BoxContradictions";

const size = { width: 90, height: 90 };
const aDrawing = (person: string, x: number) => ({
  person,
  file: `boxes-${person}.jsonl`,
  version: `${person}-1`,
  boxes: [{ class: "cat", box: [x, 0, 9, 9] }],
  unfinished: false,
  ...size,
});
const drawnOn = (...drawings: readonly ReturnType<typeof aDrawing>[]) =>
  service.set("GET labels/boxes/images", () => ({
    images: [{ name: "a.png", ...size, settled: null, version: "v1", drawings }],
  }));
const sent = () => asked.filter(({ what }) => what === "POST labels/boxes/settle").map(({ body }) => body);

test("of two drawings that are pressed, the last one holds, each over what was seen, and it can be opened again", async () => {
  setProject({ ...aProject, task: "detection" });
  drawnOn(aDrawing("anna", 1), aDrawing("me", 40));
  service.set("GET labels/boxes", () => ({
    labels: 1,
    classes: [],
    people: [],
    conflicts: [{ name: "a.png", said: {} }],
    settled: [],
  }));
  const late = held({ versions: { "a.png": "v2" } });
  service.set("POST labels/boxes/settle", late.answer);
  render(<BoxContradictions />);
  const [annas, mine] = [await screen.findByText("As anna drew"), screen.getByText("Mine")];
  fireEvent.click(annas);
  fireEvent.click(mine);
  await vi.waitFor(() => expect(sent()).toHaveLength(1));
  late.letGo();
  await vi.waitFor(() => expect(sent()).toHaveLength(2));
  const image = {
    name: "a.png",
    boxes: [{ class: "cat", box: [40, 0, 9, 9] }],
    version: "v2",
    width: 90,
    height: 90,
  };
  expect(sent()[1]).toMatchObject({ images: [image] });
  fireEvent.click(await screen.findByText("Open again"));
  await vi.waitFor(() => expect(sent()).toHaveLength(3));
  expect(sent()[2]).toMatchObject({ images: [{ name: "a.png", boxes: null }] });
});

test("drawings are asked for again where something has changed, and where an answer was refused", async () => {
  setProject({ ...aProject, task: "detection" });
  const counts = { labels: 1, classes: [], people: [], settled: [] };
  drawnOn(aDrawing("anna", 1));
  let etag = '"1"';
  service.set("GET labels/boxes", (_, __, headers) =>
    headers.get("If-None-Match") === etag
      ? new Response(null, { status: 304 })
      : new Response(JSON.stringify({ ...counts, conflicts: [{ name: "a.png", said: {} }] }), { headers: { etag } }),
  );
  service.set("POST labels/boxes/settle", () => problem(409, "boxes_changed", "a.png was changed meanwhile"));
  const times = (path: string) => asked.filter(({ what }) => what.split("?")[0] === `GET ${path}`).length;
  render(<BoxContradictions />);
  const annas = await screen.findByText("As anna drew");
  const soon = () => window.dispatchEvent(new Event("focus"));
  soon();
  await vi.waitFor(() => expect(times("labels/boxes")).toBe(2));
  await settle();
  expect(times("labels/boxes/images")).toBe(1);
  etag = '"2"';
  soon();
  await vi.waitFor(() => expect(times("labels/boxes/images")).toBe(2));
  fireEvent.click(annas);
  await vi.waitFor(() => expect(times("labels/boxes/images")).toBe(3));
});
