import type { Job } from "../service/types";
import { words } from "../words";
import { titleOf } from "./progress";

export function ProgressBar({ job }: { job: Job }) {
  const { done = 0, total } = job.progress ?? {};
  const value = total && job.state !== "queued" ? Math.min(1, done / total) : undefined;
  return <progress max={1} value={value} aria-label={words.jobs.progress(titleOf(job))} />;
}
