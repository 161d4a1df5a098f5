// What is said of a job's progress, and how it is cancelled.

import { post } from "../service/service";
import type { Job, Progress } from "../service/types";
import { faults } from "../store/connection";
import { attempt } from "../store/notices";
import { words } from "../words";

export const stageOf = (progress: Progress) => words.jobs.stage[progress.stage] ?? progress.stage.replaceAll("_", " ");

/** What to call it: as the service does, where this language has no words of its own. */
export const titleOf = (job: Job) => words.jobs.title[job.kind] ?? job.title;

export function progressWords(job: Job): string {
  const { progress, state } = job;
  if (state === "queued") {
    if (faults.value.length) return words.jobs.nobodyThere;
    return job.last_interruption ? words.jobs.waitingToGoOn : words.jobs.waiting;
  }
  if (!progress) return words.jobs.state[state];
  const { done, total, unit, eta_s } = progress;
  const counted = total ? words.jobs.counted(done ?? 0, total, unit ?? "") : "";
  return [stageOf(progress), counted, eta_s ? words.jobs.timeLeft(eta_s) : ""].filter(Boolean).join(" · ");
}

export const cancel = (job: Job) => attempt(() => post<Job>(`jobs/${job.id}/cancel`, undefined));
