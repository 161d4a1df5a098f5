import { useMemo } from "preact/hooks";
import { download, post, remove } from "../service/service";
import type { Job, Kind } from "../service/types";
import { useBusy } from "../shared/busy";
import { confirmed } from "../shared/Dialogs";
import { ProgressBar } from "../shared/ProgressBar";
import { cancel, progressWords, titleOf } from "../shared/progress";
import { hasEnded } from "../store/jobs";
import { addressOf, type View } from "../store/route";
import { oneAtATime } from "../store/turns";
import { ago, words } from "../words";
import { inWords } from "../words/faults";

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
        {job.state === "failed" && <p class="fault">{job.error ? inWords(job.error) : words.jobs.noReason}</p>}
        {job.last_interruption && !hasEnded(job) && (
          <p class="small dim">{words.jobs.interrupted(job.last_interruption.reason)}</p>
        )}
        {job.warnings.map((one) => (
          <p key={one.detail} class="small dim">
            {words.jobs.warned(inWords(one), one.count ?? 1)}
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
  if (!hasEnded(job)) return <Button label={words.app.cancel} work={() => cancel(job)} refresh={refresh} />;
  const file = `jobs/${job.id}/result`;
  const isMeant = () => {
    const { forgetTitle, forgetText, forget: yes } = words.jobs;
    return confirmed(forgetTitle, forgetText(titleOf(job)), yes, words.app.cancel);
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
          label={words.jobs.suggestions}
          hint={words.jobs.suggestionsHint}
          work={() => download(file, TSV, `${job.id}-suggestions.txt`)}
          refresh={refresh}
        />
      )}
      {job.state === "succeeded" && (
        <Button label={words.jobs.csv} work={() => download(file, "text/csv", `${job.id}.csv`)} refresh={refresh} />
      )}
      {job.state !== "succeeded" && (
        <Button label={words.jobs.retry} work={() => post(`jobs/${job.id}/retry`, undefined)} refresh={refresh} />
      )}
      <Button label={words.jobs.forget} isMeant={isMeant} work={() => remove(`jobs/${job.id}`)} refresh={refresh} />
    </>
  );
}

interface Does {
  label: string;
  hint?: string;
  /** Asked first. */
  isMeant?: () => Promise<boolean>;
  work: () => Promise<unknown>;
  refresh: () => void;
}

function Button({ label, hint, isMeant, work, refresh }: Does) {
  const [isBusy, begin] = useBusy();
  const alone = useMemo(oneAtATime, []); // the question isn't asked twice
  const press = async () => {
    if (!isMeant || (await isMeant())) await begin(work).finally(refresh);
  };
  return (
    <button type="button" title={hint} disabled={isBusy} onClick={() => void alone(press)}>
      {label}
    </button>
  );
}
