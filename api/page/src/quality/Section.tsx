import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Kind, RequestFor, Results } from "../service/types";
import { Age } from "../shared/Age";
import { Asking } from "../shared/Asking";
import { ChartButtons } from "../shared/ChartButtons";
import { useLifetime } from "../shared/lifetime";
import { Remarks } from "../shared/Remarks";
import { Question } from "../store/jobs";
import { attempt } from "../store/notices";

interface Given<K extends Kind> {
  kind: K;
  heading: string;
  hint: string;
  verb: string;
  request: () => RequestFor<K>;
  draw: (result: Results[K]) => VNode;
  /** How many labels the answer knew of; null where it doesn't tell. */
  labelsIn: (result: Results[K]) => number | null;
  /** The job that the address names. */
  named: string | null;
  /** What it is asked with can be chosen there. */
  before?: VNode | null;
  /** Why it can't be asked now. */
  missing?: string | null;
}

/** One question about the labels, and its newest answer. */
export function Section<K extends Kind>({
  kind,
  heading,
  hint,
  verb,
  request,
  draw,
  labelsIn,
  named,
  before,
  missing,
}: Given<K>) {
  const lifetime = useLifetime();
  const question = useMemo(() => new Question(kind, lifetime), []);
  useEffect(() => {
    void attempt(() => question.resume(named));
  }, []);
  const answer = question.answer.value;
  return (
    <section class="card" aria-label={heading}>
      <div class="row">
        <h2 class="grow">{heading}</h2>
        {answer && <ChartButtons job={answer.job} />}
        {answer && <Age job={answer.job} labelsThen={labelsIn(answer.result)} />}
        <button
          type="button"
          class="primary"
          disabled={question.asking.value || !!missing}
          onClick={() => void question.ask(request)}
        >
          {verb}
        </button>
      </div>
      {before}
      {missing && <p class="hint">{missing}</p>}
      <Asking question={question} />
      {!answer && !missing && !question.asking.value && <p class="hint">{hint}</p>}
      {answer && draw(answer.result)}
      {answer && <Remarks job={answer.job} skipped={answer.result.skipped} />}
    </section>
  );
}
