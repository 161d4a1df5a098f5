import { useEffect } from "preact/hooks";
import type { Job, Kind } from "../service/types";
import { hasEnded, type Question } from "../store/jobs";
import { say } from "../store/notices";
import { addressOf } from "../store/route";
import { words } from "../words";
import { inWords } from "../words/faults";
import { ProgressBar } from "./ProgressBar";
import { cancel, progressWords, stageOf, titleOf } from "./progress";
import { Refusal } from "./Refusal";

/** Whether it would go with the backbone that needs no weights: not with a detector's, or for texts. */
const goesWithoutWeights = ({ error, request }: Job) =>
  error?.code === "weights_unavailable" &&
  !["descriptor", null, undefined].includes(request.backbone as string) &&
  request.task !== "detection" &&
  !(request.like_text as string[] | undefined)?.length;

/** What becomes of a question that was asked: it runs, it was refused, it failed. Nothing when it is answered.
 * `called`: what to call the job, other than by its title. */
export function Asking<K extends Kind, R>({ question, called }: { question: Question<K, R>; called?: string }) {
  const job = question.job.value;
  const title = called ?? (job ? titleOf(job) : "");
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
            {job.error ? inWords(job.error) : words.jobs.noReason}
            {goesWithoutWeights(job) && (
              <p>
                {words.jobs.noWeights} <a href={addressOf("setup")}>{words.jobs.noWeightsSetUp}</a>
              </p>
            )}
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
