import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { download, post, remove } from "../service/service";
import type { Job, Kind } from "../service/types";
import { confirmed } from "../shared/Dialogs";
import { ProgressBar } from "../shared/ProgressBar";
import { cancel, progressWords, titleOf } from "../shared/progress";
import { hasEnded } from "../store/jobs";
import { attempt } from "../store/notices";
import { addressOf, type View } from "../store/route";
import { oneAtATime } from "../store/turns";
import { ago, words } from "../words";

const VIEW_OF: Partial<Record<Kind, View>> = {
  selection: "label",
  f1: "quality",
  learning_curve: "quality",
  audit: "quality",
  label_check: "check",
  similar: "similar",
  map: "map",
  prediction: "browse",
};
const TSV = "text/tab-separated-values";
const fileOf = (path: string) => path.replace(/\/+$/, "").split("/").pop() || path;

interface Given {
  job: Job;
  refresh: () => void;
}

export function JobRow({ job, refresh }: Given) {
  const state = words.jobs.state[job.state];
  return (
    <li class={`job ${job.state}`} aria-label={`${titleOf(job)}, ${state}`}>
      <div class="grow">
        <p>
          <strong>{titleOf(job)}</strong> <span class={`state ${job.state}`}>{state}</span>{" "}
          <span class="dim">{detailOf(job)}</span>
        </p>
        <p class="dim small" title={poolOf(job)}>
          {facts(job).join(" · ")}
        </p>
        {!hasEnded(job) && (
          <>
            <p class="small">{progressWords(job)}</p>
            <ProgressBar job={job} />
          </>
        )}
        {job.state === "failed" && <p class="fault">{job.error?.detail ?? words.jobs.noReason}</p>}
        {job.last_interruption && !hasEnded(job) && (
          <p class="small dim">{words.jobs.interrupted(job.last_interruption.reason.replace("_", " "))}</p>
        )}
        {job.warnings.map((one) => (
          <p key={one.detail} class="small dim">
            {words.jobs.warned(one.detail, one.count ?? 1)}
          </p>
        ))}
      </div>
      <div class="row actions">
        <Actions job={job} refresh={refresh} />
      </div>
    </li>
  );
}

interface Request {
  path_to_img?: string;
  path_to_img_train?: string;
  backbone?: string;
  add?: number;
  method?: { name: string } | string;
  like?: string[];
}
const poolOf = ({ request }: Job) => (request as Request).path_to_img ?? (request as Request).path_to_img_train ?? "";

function facts(job: Job): string[] {
  const { started_at: start, finished_at: end, attempt: tries, owner } = job;
  return [
    fileOf(poolOf(job)),
    (job.request as Request).backbone ?? "",
    ago(job.created_at),
    start && end ? words.jobs.took((Date.parse(end) - Date.parse(start)) / 1000) : "",
    tries > 1 ? words.jobs.attempt(tries) : "",
    owner,
  ].filter(Boolean);
}

function detailOf(job: Job): string {
  const { add = 0, method, like } = job.request as Request;
  if (job.kind === "selection" && method) {
    return words.jobs.byMethod(add, typeof method === "string" ? method : method.name);
  }
  return like?.[0] ? words.jobs.like(like[0]) : "";
}

function Actions({ job, refresh }: Given) {
  const kind = job.kind as Kind;
  const view = VIEW_OF[kind];
  const alone = useMemo(oneAtATime, []);
  const then = (work: () => Promise<unknown>) => () => void attempt(() => alone(work)).then(refresh);
  if (!hasEnded(job)) return <Button onClick={then(() => cancel(job))}>{words.app.cancel}</Button>;
  const file = `jobs/${job.id}/result`;
  const forget = async () => {
    const { forgetTitle, forgetText, forget: yes } = words.jobs;
    const sure = await confirmed(forgetTitle, forgetText(titleOf(job)), yes, words.app.cancel);
    if (sure) await remove(`jobs/${job.id}`);
  };
  return (
    <>
      {job.state === "succeeded" && view && (
        <a class="button" href={addressOf(view, { job: job.id, kind })}>
          {words.jobs.open}
        </a>
      )}
      {job.state === "succeeded" && (kind === "prediction" || kind === "selection") && (
        <Button
          hint={words.jobs.suggestionsHint}
          onClick={then(() => download(file, TSV, `${job.id}-suggestions.txt`))}
        >
          {words.jobs.suggestions}
        </Button>
      )}
      {job.state === "succeeded" && (
        <Button onClick={then(() => download(file, "text/csv", `${job.id}.csv`))}>{words.jobs.csv}</Button>
      )}
      {job.state !== "succeeded" && (
        <Button onClick={then(() => post(`jobs/${job.id}/retry`, undefined))}>{words.jobs.retry}</Button>
      )}
      <Button onClick={then(forget)}>{words.jobs.forget}</Button>
    </>
  );
}

function Button({ hint, onClick, children }: { hint?: string; onClick: () => void; children: ComponentChildren }) {
  return (
    <button type="button" title={hint} onClick={onClick}>
      {children}
    </button>
  );
}
