import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { get, Problem, pause } from "../service/service";
import type { JobPage } from "../service/types";
import { useLifetime } from "../shared/lifetime";
import { away } from "../store/connection";
import { hasEnded } from "../store/jobs";
import { attempt } from "../store/notices";
import { inOrder } from "../store/turns";
import { ago, words } from "../words";
import { JobRow } from "./JobRow";
import "./jobs.css";

const FEW = 30;
const MANY = 200;
const QUICK_S = 1.5;
const SLOW_S = 10;
const OLD_MS = 15_000;

/** All jobs, kept up to date while it is looked at. */
export function JobsView() {
  const lifetime = useLifetime();
  const page = useSignal<JobPage | null>(null);
  const asOf = useSignal(Date.now());
  const [limit, setLimit] = useState(FEW);

  const looks = useMemo(inOrder, []);
  const refresh = async () => {
    const isNewest = looks.asked();
    const now = await get<JobPage>("jobs", { query: { limit }, signal: lifetime });
    if (!isNewest()) return;
    page.value = now;
    asOf.value = Date.now();
  };
  useEffect(() => {
    let wanted = true;
    void attempt(async () => {
      while (wanted && !lifetime.aborted) {
        if (!document.hidden) await unlessAway(refresh);
        const isActive = page.value?.data.some((job) => !hasEnded(job)) || away.value;
        await pause(isActive ? QUICK_S : SLOW_S);
      }
    });
    return () => {
      wanted = false;
    };
  }, [limit]);

  const jobs = page.value?.data;
  const isOld = away.value && Date.now() - asOf.value > OLD_MS;
  return (
    <div class="view">
      <h1>{words.app.view.jobs}</h1>
      {isOld && <p class="notice">{words.jobs.stale(ago(new Date(asOf.value).toISOString()))}</p>}
      {!jobs && <p class="hint">{words.app.loading}</p>}
      {jobs && (
        <ul class="jobs" aria-label={words.jobs.list}>
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} refresh={() => void attempt(refresh)} />
          ))}
          {!jobs.length && <li class="empty">{words.jobs.none}</li>}
        </ul>
      )}
      {page.value?.next_cursor && limit === FEW && (
        <div class="row end">
          <button type="button" onClick={() => setLimit(MANY)}>
            {words.jobs.older}
          </button>
        </div>
      )}
    </div>
  );
}

/** The banner says that the service is away; the list only says how old it is. */
async function unlessAway(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem) || !error.retryable) throw error;
  }
}
