import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { showClasses } from "../classes/ClassesDialog";
import { expectImages } from "../service/images";
import { Asking } from "../shared/Asking";
import { confirmed } from "../shared/Dialogs";
import { useKeys } from "../shared/keyboard";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { Remarks } from "../shared/Remarks";
import { embedAhead, soon } from "../store/ahead";
import { untilDone } from "../store/connection";
import { lookAtHandOuts } from "../store/handOuts";
import { Question } from "../store/jobs";
import { load } from "../store/labels";
import { loadNotes } from "../store/notes";
import { attempt, say } from "../store/notices";
import { holder } from "../store/person";
import { lastJob, onePool, overlapping, project, skipped, theProject } from "../store/project";
import { addressOf } from "../store/route";
import { Sheet } from "../store/sheet";
import { words } from "../words";
import { capital } from "../words/formats";
import { BatchBar } from "./BatchBar";
import { Bench } from "./Bench";
import { OldBatch } from "./OldBatch";
import { otherwise } from "./otherwise";
import { showSkipped } from "./SkippedList";

const FRESH_S = 20;
const FIRST_SEEN = 24; // images that are fetched while it is still asked which of them have a label

/** The batch that is to be labelled: the newest, or the one that the address names. */
export function LabelView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const sheet = useSignal<Sheet | null>(null);
  const named = params.get("job");
  const linked = useRef(params.get("image"));
  const missing = useSignal<string | null>(null);

  const batch = useMemo(
    () =>
      new Question("selection", lifetime, async (result, job) => {
        expectImages(theProject().pool, result.data.slice(0, FIRST_SEEN), 160);
        const [given] = await Promise.all([
          untilDone(() => load(result.data, lifetime), lifetime),
          loadNotes(lifetime),
        ]);
        sheet.value = result.items.length ? new Sheet(result.items, given, otherwise) : null;
        const image = linked.current;
        linked.current = null; // of a batch that is asked for later, the address said nothing
        const isInBatch = image !== null && !!sheet.value?.lookFor(image);
        missing.value = isInBatch ? null : image;
        const at = isInBatch ? { image } : null;
        history.replaceState(null, "", addressOf("label", { job: job.id, ...at }));
        void lookAtHandOuts(lifetime).catch(() => {});
        void embedAhead(result.reached, lifetime).catch(() => {});
        if (sheet.value) say(`${words.label.toLabel(result.items.length)} ${sheet.value.words()}`);
      }),
    [],
  );

  const next = async () => {
    const drafts = sheet.value?.drafts.value.length ?? 0;
    const { draftsTitle, draftsText, draftsLeave, draftsBack } = words.label;
    if (drafts && !(await confirmed(draftsTitle, draftsText(drafts), draftsLeave, draftsBack))) return;
    void batch.ask(() => {
      const { method, add } = theProject();
      const pending = sheet.value?.open.value.map(({ name }) => name) ?? [];
      return {
        kind: "selection",
        method,
        add,
        person: holder(),
        ...onePool(),
        ...soon(),
        ...overlapping(),
        pending,
        exclude: skipped.value,
      };
    });
  };
  const editSkipped = async () => {
    await showSkipped();
    const left = new Set(skipped.value);
    for (const { name, said } of sheet.value?.entries ?? []) {
      if (said.value.skipped && !left.has(name)) said.value = { ...said.value, skipped: false };
    }
  };

  const editClasses = async () => {
    await showClasses();
    await attempt(async () => void (sheet.value ? await sheet.value.refresh(lifetime) : await load([], lifetime)));
  };

  useLayoutEffect(() => {
    // Classes and counts, while the job is looked for; what is wrong with them is told when its images are looked up.
    if (project.peek()) void load([], lifetime).catch(() => {});
    void attempt(async () => {
      const found = (await batch.resume(named)) || (named !== null && (await batch.resume()));
      if (!found && !lifetime.aborted) await next();
    });
  }, []);
  useKeys((key) => {
    if (key === "n") void next();
    return key === "n";
  });

  useFreshness(FRESH_S, () => void lookAtHandOuts(lifetime).catch(() => {}));

  const answer = batch.answer.value;
  const newest = lastJob("selection"); // none in a browser that was only given the batch's address
  const isOld = answer !== null && !!newest && answer.job.id !== newest;
  return (
    <div class="view">
      <h1 class="only-heard">{words.label.title}</h1>
      <BatchBar
        sheet={sheet.value}
        job={answer?.job.id}
        busy={batch.asking.value}
        onNext={() => void next()}
        onSkipped={() => void editSkipped()}
        onClasses={() => void editClasses()}
      />
      {isOld && <OldBatch />}
      {missing.value && (
        <p class="notice" role="alert">
          {words.links.notInBatch(missing.value)}{" "}
          <a href={addressOf("browse", { image: missing.value })}>{words.links.inBrowse}</a>
        </p>
      )}
      <Asking question={batch} />
      {sheet.value && (
        <Bench key={answer?.job.id} sheet={sheet.value} label={words.label.batch} busy={batch.asking.value} />
      )}
      {answer && !answer.result.items.length && (
        <div class="empty">
          <h2>{words.label.nothingLeft}</h2>
          <p>
            {answer.result.with_others || answer.result.with_you
              ? words.label.restIsHandedOut
              : words.label.nothingLeftText}
          </p>
        </div>
      )}
      {answer && (
        <details class="about">
          <summary>{words.label.chosenBy(answer.result.method.name)}</summary>
          <p class="prose">
            {words.label.why(
              words.results?.method(answer.result.method) ?? `${capital(answer.result.method.why)}.`,
              answer.result.candidates,
              answer.result.near_copies_left_out ?? 0,
              answer.result.with_others ?? 0,
            )}{" "}
            {partOf(answer.result.reached)}
          </p>
          <Remarks job={answer.job} skipped={answer.result.skipped} />
        </details>
      )}
    </div>
  );
}

const partOf = (reached: { images: number; of: number } | null | undefined) =>
  reached && reached.images < reached.of ? words.label.partOf(reached.images, reached.of) : "";
