import { expect, test } from "vitest";
import { aProject, held, service } from "../testing";
import { handOuts, lookAtHandOuts, takeBack } from "./handOuts";
import { setProject } from "./project";

const annas = { job_id: "job_1", person: "anna", left: 8, labelled: 0, names: null, ends_at: "2026-11-30T00:00:00Z" };

test("a batch that was taken back is not with anybody again by an answer that was asked for before", async () => {
  setProject(aProject);
  const late = held({ hand_outs: [annas] });
  service.set("GET hand-outs", late.answer);
  const older = lookAtHandOuts();
  service.set("GET hand-outs", () => ({ hand_outs: [] }));
  service.set("POST hand-outs/give-back", () => ({ images: 8 }));
  expect(await takeBack(annas)).toBe(8);
  late.letGo();
  await older;
  expect(handOuts.value).toEqual([]);
});
