import { expect, test } from "vitest";
import { aProject, asked, problem, service } from "../testing";
import { begin, fileNameOf, isName } from "./begin";

test("a name with spaces names a file without", () => {
  expect(fileNameOf(" Анна  Петрова ")).toBe("Анна_Петрова");
  expect(isName(fileNameOf("Анна Петрова"))).toBe(true);
  for (const bad of ["", ".anna", "_anna", "anna/ben", "a".repeat(65)]) expect(isName(bad), bad).toBe(false);
});

test("all that is wrong is said at once, and no folder is made before it is right", async () => {
  service.set("GET folders", (path) =>
    path.includes("val") ? problem(422, "path_not_found", "there is no such folder") : { images: 3, folders: [] },
  );
  const given = { ...aProject, labels: "", person: "/", add: 0, valPool: "/data/val", valLabels: "" };
  const faults = await begin(given);
  expect(Object.keys(faults).sort()).toEqual(["add", "labels", "person", "valLabels", "valPool"]);
  expect(faults.valPool).toBe("there is no such folder");
  expect(asked.filter(({ what }) => what.startsWith("POST"))).toEqual([]);
});
