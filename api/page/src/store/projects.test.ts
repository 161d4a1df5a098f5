import { expect, test } from "vitest";
import type { KeptProject } from "../service/types";
import { aProject, held, problem, service } from "../testing";
import { project, setProject } from "./project";
import { freeName, loadProjects, openProject, projects, renameProject } from "./projects";
import { addressOf } from "./route";

const kept = (name: string, pool: string, more: Partial<KeptProject> = {}): KeptProject => ({
  name,
  path_to_img: pool,
  path_to_labels: "/data/labels",
  path_to_img_val: "",
  path_to_labels_val: "",
  task: "classification",
  backbone: "descriptor",
  method: "auto",
  add: 8,
  overlap_share: 0,
  version: "",
  ...more,
});
const keep = (...projects: KeptProject[]) => service.set("GET projects", () => ({ projects }));

test("a folder's name is a project's, unless another folder's project is called so", () => {
  expect(freeName("/data/cards/", "/data/labels", "classification", [])).toBe("cards");
  expect(freeName("/data/cards", "/data/labels", "classification", [kept("cards", "/data/cards")])).toBe("cards");
  expect(freeName("/data/cards", "/data/labels", "classification", [kept("cards", "/old/cards")])).toBe("cards 2");
  expect(freeName("/data/cards", "/data/labels", "detection", [kept("cards", "/data/cards")])).toBe("cards 2");
  expect(freeName("s3://photos/..:x", "/data/labels", "classification", [])).toBe("x");
});

test("a project is opened by its name, as the same person, and the address says so", async () => {
  setProject({ ...aProject, person: "anna", name: undefined });
  keep(kept("cards", "/data/cards", { add: 30 }));
  expect(await openProject("birds")).toBe(false);
  expect(await openProject("cards")).toBe(true);
  expect(project.value).toMatchObject({ name: "cards", pool: "/data/cards", add: 30, person: "anna" });
  expect(addressOf("map")).toBe("#/map?project=cards");
  expect(addressOf("label", { job: "j" })).toBe("#/label?job=j");
});

test("a project that was renamed or removed elsewhere is worked on still, by the name that it has", async () => {
  setProject({ ...aProject, name: "cards" });
  keep(kept("card faces", aProject.pool));
  await loadProjects();
  expect(project.value?.name).toBe("card faces");
  keep();
  await loadProjects();
  expect(project.value).toMatchObject({ name: undefined, pool: aProject.pool });
});

test("what another browser made of a project meanwhile is not written over, and is there at the next try", async () => {
  setProject({ ...aProject, name: "cards" });
  const read = kept("cards", aProject.pool, { version: "1" });
  keep(kept("cards", aProject.pool, { add: 30, version: "2" }));
  service.set("POST projects", (_, body) => {
    expect(body).toMatchObject({ name: "faces", was: "cards", version: "1" });
    return problem(409, "project_changed", "look at it again");
  });
  await expect(renameProject(read, "faces")).rejects.toMatchObject({ code: "project_changed" });
  expect(projects.value?.[0]).toMatchObject({ add: 30, version: "2" });
});

test("a project that was just renamed has its old name not again by an answer that was asked for before", async () => {
  setProject({ ...aProject, name: "cards" });
  const late = held({ projects: [kept("cards", aProject.pool)] });
  service.set("GET projects", late.answer);
  const older = loadProjects();
  service.set("POST projects", () => ({ projects: [kept("faces", aProject.pool)] }));
  await renameProject(kept("cards", aProject.pool), "faces");
  late.letGo();
  await older;
  expect([project.value?.name, projects.value?.map(({ name }) => name)]).toEqual(["faces", ["faces"]]);
});
