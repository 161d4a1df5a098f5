import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Age } from "../shared/Age";
import { Asking } from "../shared/Asking";
import { Heading } from "../shared/Heading";
import { useLifetime } from "../shared/lifetime";
import { Remarks } from "../shared/Remarks";
import { Desk } from "../store/desk";
import { Question } from "../store/jobs";
import { load } from "../store/labels";
import { attempt } from "../store/notices";
import { onePool, validated } from "../store/project";
import { words } from "../words";
import { Contradictions } from "./Contradictions";
import { DeskView } from "./DeskView";
import { Disputes } from "./Disputes";
import { Others } from "./Others";
import "./check.css";

export function CheckView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const desk = useSignal<Desk | null>(null);
  const check = useMemo(
    () =>
      new Question("label_check", lifetime, async (result) => {
        await load([], lifetime);
        desk.value = new Desk(result);
        desk.value.look(0);
      }),
    [],
  );
  useEffect(() => {
    void attempt(() => check.resume(params.get("job")));
  }, []);
  const answer = check.answer.value;
  const go = (
    <>
      {answer && <Age job={answer.job} labelsThen={answer.result.labels} />}
      <button
        type="button"
        class="primary"
        disabled={check.asking.value}
        onClick={() => void check.ask(() => ({ kind: "label_check", ...onePool(), ...validated() }))}
      >
        {words.check.go}
      </button>
    </>
  );
  return (
    <div class="view">
      <Heading action={go}>{words.check.heading}</Heading>
      <Asking question={check} />
      {!answer && !check.asking.value && <p class="hint prose">{words.check.hint}</p>}
      <Disputes />
      <Contradictions />
      {answer && desk.value && <DeskView key={answer.job.id} desk={desk.value} result={answer.result} />}
      {answer && <Others key={`${answer.job.id} others`} result={answer.result} />}
      {answer && <Remarks job={answer.job} skipped={answer.result.skipped} />}
    </div>
  );
}
