import { beforeEach, expect, test } from "vitest";
import { aProject, asked, service } from "../testing";
import { Question } from "./jobs";
import { lastJob, setProject } from "./project";

const job = (state: string, result: unknown = null) => ({ id: "1", kind: "map", state, result, request: {} });
const answered = (body: unknown, etag: string) => new Response(JSON.stringify(body), { headers: { ETag: etag } });
const askedJobs = () => asked.map(({ what }) => what);

beforeEach(() => setProject(aProject));

test("what the service says when a job is given is not asked for again", async () => {
  service.set("POST jobs", () => answered(job("queued"), '"1"'));
  service.set("GET jobs/1?wait", () => answered(job("succeeded", { images: 3 }), '"2"'));
  const question = new Question("map", new AbortController().signal);
  await question.ask(() => ({ kind: "map" }) as never);
  expect(askedJobs()).toEqual(["POST jobs", "GET jobs/1?wait=20"]);
  expect(question.answer.value?.result).toEqual({ images: 3 });
  expect(lastJob("map")).toBe("1");
});

test("a job that has ended is found again by one question", async () => {
  service.set("GET jobs/1", () => answered(job("succeeded", { images: 3 }), '"2"'));
  const question = new Question("map", new AbortController().signal);
  expect(await question.resume("1")).toBe(true);
  expect(askedJobs()).toEqual(["GET jobs/1"]);
});
