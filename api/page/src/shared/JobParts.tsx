// How a job looks wherever it stands: its progress, its failure, its remarks, its age.

import { useEffect, useState } from "preact/hooks";
import { type Problem, post } from "../service/service";
import type { Job, Kind, Progress, Skipped } from "../service/types";
import { faults } from "../store/connection";
import { hasEnded, labelsSince, type Question } from "../store/jobs";
import { attempt, say } from "../store/notices";
import { ago, words } from "../words";

export const stageOf = (progress: Progress) => words.jobs.stage[progress.stage] ?? progress.stage.replaceAll("_", " ");

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

export function ProgressBar({ job }: { job: Job }) {
  const { done = 0, total } = job.progress ?? {};
  const value = total && job.state !== "queued" ? Math.min(1, done / total) : undefined;
  return <progress max={1} value={value} aria-label={words.jobs.progress(job.title)} />;
}

export const cancel = (job: Job) => attempt(() => post<Job>(`jobs/${job.id}/cancel`, undefined));

/** What becomes of a question that was asked: it runs, it was refused, it failed. Nothing when it is answered.
 * `called`: what to call the job, other than by its title. */
export function Asking<K extends Kind>({ question, called }: { question: Question<K>; called?: string }) {
  const job = question.job.value;
  const title = called ?? job?.title ?? "";
  const refusal = question.refusal.value;
  const stage = job && !hasEnded(job) ? (job.progress ? stageOf(job.progress) : words.jobs.state[job.state]) : null;
  useEffect(() => {
    if (stage) say(`${title}: ${stage}`);
  }, [stage, title]);
  if (refusal) return <Refusal problem={refusal} />;
  if (!job || job.state === "succeeded") return null;
  if (hasEnded(job)) {
    return (
      <div class="notice bad" role="alert">
        {job.state === "cancelled" ? (
          words.jobs.wasCancelled(title)
        ) : (
          <>
            <strong>{words.jobs.ended(title, words.jobs.state[job.state])}</strong>{" "}
            {job.error?.detail ?? words.jobs.noReason}
          </>
        )}
      </div>
    );
  }
  return (
    <div class="under-way">
      <div class="grow">
        <strong>{title}</strong> <span class="dim">{progressWords(job)}</span>
        <ProgressBar job={job} />
      </div>
      <button type="button" disabled={job.state === "cancelling"} onClick={() => cancel(job)}>
        {words.app.cancel}
      </button>
    </div>
  );
}

export function Refusal({ problem }: { problem: Problem }) {
  return (
    <div class="notice bad" role="alert">
      {problem.faults.length ? (
        <>
          <strong>{words.jobs.refused}</strong>
          <ul>
            {problem.faults.map((one) => (
              <li key={one.pointer}>{words.setup.fault(one.pointer.slice(1), one.detail)}</li>
            ))}
          </ul>
        </>
      ) : (
        problem.message
      )}
    </div>
  );
}

const MOST_SKIPPED = 20;
const MOST_NAMES = 5;

/** Warnings of a job, and images it could not look at. */
export function Remarks({ job, skipped = [] }: { job: Job; skipped?: readonly Skipped[] }) {
  const lines = [
    ...job.warnings.map(({ detail, names = [] }) => ({ text: detail, names })),
    ...skipped.slice(0, MOST_SKIPPED).map((one) => ({ text: `${one.name}: ${one.reason}`, names: [] as string[] })),
  ];
  if (!lines.length) return null;
  return (
    <details class="remarks">
      <summary>{words.jobs.remarks(lines.length)}</summary>
      <ul>
        {lines.map(({ text, names }) => (
          <li key={text}>
            {text}{" "}
            <span class="dim">
              {names.slice(0, MOST_NAMES).join(", ")}
              {names.length > MOST_NAMES && " …"}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

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
