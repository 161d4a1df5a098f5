import { useEffect, useState } from "preact/hooks";
import type { Job } from "../service/types";
import { labelsSince } from "../store/jobs";
import { ago, words } from "../words";

/** How old an answer is: by the clock, and by the labels that were given since it was made. */
export function Age({ job, labelsThen }: { job: Job; labelsThen: number | null }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  const since = labelsThen === null ? null : labelsSince(labelsThen);
  return (
    <span class="dim small age">
      {words.jobs.asIs} {ago(job.finished_at, now)}
      {since ? <strong> · {words.jobs.since(since)}</strong> : null}
    </span>
  );
}
