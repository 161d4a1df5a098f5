import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { BoxesCheck } from "../service/types";
import { PathField } from "../setup/PathField";
import { Age } from "../shared/Age";
import { Asking } from "../shared/Asking";
import { Heading } from "../shared/Heading";
import { useLifetime } from "../shared/lifetime";
import { Remarks } from "../shared/Remarks";
import { Question } from "../store/jobs";
import { attempt } from "../store/notices";
import { onePool, predictionsOf } from "../store/project";
import { BoxDesk } from "../store/suspectBoxes";
import { words } from "../words";
import { inWords } from "../words/faults";
import { BoxContradictions } from "./BoxContradictions";
import { BoxDeskView } from "./BoxDeskView";
import "./check.css";

const say = words.boxCheck;

/** Boxes that look wrong beside a detector's, and what people contradict each other about. */
export function BoxCheckView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const desk = useSignal<BoxDesk | null>(null);
  const check = useMemo(
    () =>
      new Question("label_check", lifetime, async (result) => {
        desk.value = new BoxDesk(result as unknown as BoxesCheck);
        desk.value.look(0);
      }),
    [],
  );
  useEffect(() => {
    void attempt(() => check.resume(params.get("job")));
  }, []);
  const answer = check.answer.value;
  const few = answer?.job.warnings.find(({ code }) => code === "few_labels");
  const path = predictionsOf.value;
  const theirs = path.trim() ? { path_to_predictions: path.trim() } : {};
  const go = (
    <>
      {answer && <Age job={answer.job} labelsThen={answer.result.labels} />}
      <button
        type="button"
        class="primary"
        disabled={check.asking.value}
        onClick={() => void check.ask(() => ({ kind: "label_check", ...onePool(), ...theirs }))}
      >
        {say.go}
      </button>
    </>
  );
  return (
    <div class="view">
      <Heading action={go}>{say.heading}</Heading>
      <BoxContradictions />
      <section class="card">
        <PathField
          id="predictions"
          label={say.predictions}
          hint={say.predictionsHint}
          value={path}
          kind="files"
          onChange={(value) => {
            predictionsOf.value = value;
          }}
        />
      </section>
      <Asking question={check} />
      {few && <p class="notice">{inWords(few)}</p>}
      {desk.value && answer && <BoxDeskView key={answer.job.id} desk={desk.value} />}
      {answer && <Remarks job={answer.job} skipped={answer.result.skipped} />}
    </div>
  );
}
