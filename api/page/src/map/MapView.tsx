import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { get, Problem } from "../service/service";
import type { Job } from "../service/types";
import { Age } from "../shared/Age";
import { Asking } from "../shared/Asking";
import { ChartButtons } from "../shared/ChartButtons";
import { Heading } from "../shared/Heading";
import { useLifetime } from "../shared/lifetime";
import { Remarks } from "../shared/Remarks";
import { soon } from "../store/ahead";
import { survey } from "../store/drawings";
import { Question, resultOf } from "../store/jobs";
import { load } from "../store/labels";
import { attempt } from "../store/notices";
import { imagesOf, isBoxes, lastJob, ofBoxes } from "../store/project";
import { words } from "../words";
import { isOfBoxes, labelledIn } from "./colouring";
import { PlaneView } from "./PlaneView";
import "./map.css";

export function MapView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const batch = useSignal<readonly string[]>([]);
  const map = useMemo(
    () =>
      new Question("map", lifetime, async () => {
        await (isBoxes() ? survey(lifetime) : load([], lifetime));
        batch.value = await namesOfBatch(lifetime);
      }),
    [],
  );
  useEffect(() => {
    void attempt(() => map.resume(params.get("job")));
  }, []);
  const answer = map.answer.value;
  const isWhole = answer && !isOfBoxes(answer.result) && answer.result.images === answer.result.names.length;
  const go = (
    <>
      {answer && <ChartButtons job={answer.job} />}
      {answer && <Age job={answer.job} labelsThen={isWhole ? labelledIn(answer.result) : null} />}
      <button
        type="button"
        class="primary"
        disabled={map.asking.value}
        onClick={() => void map.ask(() => ({ kind: "map", ...(isBoxes() ? ofBoxes() : { ...imagesOf(), ...soon() }) }))}
      >
        {words.map.go}
      </button>
    </>
  );
  return (
    <div class="view">
      <Heading action={go}>{words.map.heading}</Heading>
      <Asking question={map} />
      {!answer && !map.asking.value && <p class="hint prose">{isBoxes() ? words.map.hintOfBoxes : words.map.hint}</p>}
      {answer && <PlaneView key={answer.job.id} result={answer.result} batch={batch.value} job={answer.job.id} />}
      {answer && <Remarks job={answer.job} skipped={answer.result.skipped} />}
    </div>
  );
}

/** Of the batch that is being labelled, if it is still there. */
async function namesOfBatch(signal: AbortSignal): Promise<readonly string[]> {
  const id = lastJob("selection");
  if (!id) return [];
  try {
    const job = await get<Job>(`jobs/${id}`, { signal });
    return job.state === "succeeded" ? (await resultOf<"selection">(job, signal)).data : [];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [];
  }
}
