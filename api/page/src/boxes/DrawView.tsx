import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { showHelp } from "../help/Help";
import { HandOuts } from "../label/HandOuts";
import { OldBatch } from "../label/OldBatch";
import { showSkipped } from "../label/SkippedList";
import { ask, Problem } from "../service/service";
import { Asking } from "../shared/Asking";
import { confirmed } from "../shared/Dialogs";
import { ExportButton } from "../shared/ExportButton";
import { Kbd } from "../shared/Kbd";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { Refusal } from "../shared/Refusal";
import { Remarks } from "../shared/Remarks";
import { Board, type Item } from "../store/board";
import { untilDone } from "../store/connection";
import { drawnOn, survey } from "../store/drawings";
import { lookAtHandOuts } from "../store/handOuts";
import { Question } from "../store/jobs";
import { total } from "../store/labels";
import { loadNotes, notes } from "../store/notes";
import { attempt, say } from "../store/notices";
import { unsaved } from "../store/outbox";
import { holder } from "../store/person";
import { lastJob, onePool, skipped, theProject } from "../store/project";
import { addressOf, go } from "../store/route";
import { loadApart } from "../store/validation";
import { words } from "../words";
import { capital } from "../words/formats";
import { Easel } from "./Easel";
import { meanwhile } from "./meanwhile";
import "./boxes.css";

const FRESH_S = 20;
const MOST_SHOWN = 1000;

/** The batch that boxes are to be drawn on: the newest, or the one that the address names. */
export function DrawView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const board = useSignal<Board | null>(null);
  /** Why the image that the address names can't be shown. */
  const missing = useSignal<Problem | null>(null);
  const none = useSignal(false);
  const named = params.get("job");
  const only = onlyThese(params);

  const batch = useMemo(
    () =>
      new Question("selection", lifetime, async (result, job) => {
        const items: readonly Item[] = result.items;
        const drawn = await untilDone(() => drawnOn(items, lifetime), lifetime);
        board.value = items.length ? new Board(items, drawn, meanwhile) : null;
        history.replaceState(null, "", addressOf("label", { job: job.id }));
        void lookAtHandOuts(lifetime).catch(() => {});
        say(words.label.toLabel(items.length));
      }),
    [],
  );
  const next = async () => {
    const begun = board.value?.begun.value.length ?? 0;
    const { begunTitle, begunText, begunLeave } = words.boxes;
    if (begun && !(await confirmed(begunTitle, begunText(begun), begunLeave, words.label.draftsBack))) return;
    void batch.ask(() => {
      const { method, add } = theProject();
      const pending = board.value?.open.value.map(({ name }) => name) ?? [];
      const chosen = { method, add, person: holder(), pending, exclude: skipped.value };
      return { kind: "selection", ...chosen, ...onePool(), warm: true };
    });
  };

  const refresh = () =>
    void attempt(async () => {
      await (board.value ? board.value.refresh(lifetime) : survey(lifetime));
    }).catch(() => {});
  useLayoutEffect(() => {
    refresh();
    void attempt(async () => {
      await loadNotes(lifetime);
      if (only) {
        const items = (await only.names(lifetime)).slice(0, MOST_SHOWN).map((name) => ({ name }));
        const drawn = await untilDone(() => drawnOn(items, lifetime), lifetime);
        const [first] = items;
        const isThere = items.length !== 1 || drawn.get(first!.name)?.width;
        missing.value = isThere ? null : await whyNot(first!.name, lifetime);
        if (missing.value) return;
        if (items.length) board.value = new Board(items, drawn, meanwhile, { comingBack: true });
        none.value = !items.length;
        return;
      }
      const found = (await batch.resume(named)) || (named !== null && (await batch.resume()));
      if (!found && !lifetime.aborted) await next();
    });
  }, []);
  useFreshness(FRESH_S, () => {
    refresh();
    void lookAtHandOuts(lifetime).catch(() => {});
  });

  const answer = batch.answer.value;
  const newest = lastJob("selection");
  return (
    <div class="view draw">
      <h1 class="only-heard">{words.boxes.title}</h1>
      {only ? (
        <p class="row">
          <a class="button" href={addressOf(only.from)}>
            {words.boxes.backTo[only.from]}
          </a>
          <span class="dim">{only.title}</span>
          <Done board={board.value} />
          {none.value && <strong>{words.boxes.noneOfThese}</strong>}
        </p>
      ) : (
        <Bar board={board.value} job={answer?.job.id} busy={batch.asking.value} onNext={() => void next()} />
      )}
      {answer && newest && answer.job.id !== newest && <OldBatch />}
      {missing.value && <Refusal problem={missing.value} />}
      <Asking question={batch} />
      {board.value && (
        <Easel
          key={answer?.job.id}
          board={board.value}
          busy={batch.asking.value}
          onDone={() => (only ? go(only.from) : void next())}
          onStale={refresh}
        />
      )}
      {answer && !answer.result.items.length && (
        <div class="empty">
          <h2>{words.label.nothingLeft}</h2>
          <p>{words.label.nothingLeftText}</p>
        </div>
      )}
      {answer && (
        <details class="about">
          <summary>{words.label.chosenBy(answer.result.method.name)}</summary>
          <p class="prose">{words.results?.method(answer.result.method) ?? `${capital(answer.result.method.why)}.`}</p>
          <Remarks job={answer.job} skipped={answer.result.skipped} />
        </details>
      )}
    </div>
  );
}

async function whyNot(image: string, signal: AbortSignal): Promise<Problem | null> {
  try {
    await ask("GET", "images", { query: { path_to_img: theProject().pool, name: image, side: 160 }, signal });
    return null;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

interface Only {
  /** Where the person came from, and goes back to. */
  from: "check" | "similar" | "quality" | "label";
  title: string;
  names: (lifetime: AbortSignal) => Promise<readonly string[]>;
}

/** What the address names instead of a batch: one image, those that are kept apart, or those that the person noted. */
function onlyThese(params: URLSearchParams): Only | null {
  const [image, noted] = [params.get("image"), params.get("noted")];
  const from = params.get("back") === "similar" ? "similar" : "check";
  if (image) return { from, title: image, names: async () => [image] };
  if (params.has("apart")) return { from: "quality", title: words.boxes.keptApart, names: keptApart };
  if (!noted) return null;
  const isUnsure = noted === "unsure";
  const names = async () =>
    [...notes.peek()].filter(([, one]) => (isUnsure ? one.unsure : one.text)).map(([name]) => name);
  return { from: "label", title: isUnsure ? words.notes.unsure : words.notes.note, names };
}

async function keptApart(lifetime: AbortSignal): Promise<readonly string[]> {
  return (await loadApart(lifetime)).names;
}

/** How many of several images are done. */
function Done({ board }: { board: Board | null }) {
  const all = board?.entries.length ?? 0;
  if (!board || all < 2) return null;
  return <strong class="num">{words.boxes.inBatch(all - board.open.value.length, all)}</strong>;
}

interface Given {
  board: Board | null;
  job: string | undefined;
  busy: boolean;
  onNext: () => void;
}

function Bar({ board, job, busy, onNext }: Given) {
  const all = board?.entries.length ?? 0;
  const done = all - (board?.open.value.length ?? 0);
  const begun = board?.begun.value.length ?? 0;
  const editSkipped = async () => {
    await showSkipped();
    const left = new Set(skipped.value);
    for (const one of board?.entries ?? []) one.skipped.value = left.has(one.name);
  };
  return (
    <div class="batch-bar">
      <p class="grow">
        {board ? (
          <>
            <strong class="num">{words.boxes.inBatch(done, all)}</strong> {words.label.thisBatch}
          </>
        ) : (
          <strong>{words.label.noBatch}</strong>
        )}{" "}
        {begun > 0 && <span class="dim">· {words.boxes.begun(begun)} </span>}
        {total.value !== null && <span class="dim">· {words.boxes.inAll(total.value)}</span>}{" "}
        {skipped.value.length > 0 && (
          <button type="button" class="link" onClick={() => void editSkipped()}>
            {words.label.skippedCount(skipped.value.length)}
          </button>
        )}{" "}
        <OwnNotes /> <HandOuts job={job} />{" "}
        {unsaved.value > 0 && (
          <span class="unsaved" role="status">
            {words.label.saving(unsaved.value)}
          </span>
        )}
      </p>
      <progress max={Math.max(1, all)} value={done} aria-label={words.label.progress} />
      <button type="button" class={!board || done === all ? "primary" : ""} disabled={busy} onClick={onNext}>
        {busy ? words.label.choosing : words.boxes.nextBatch} {done === all && <Kbd>Enter</Kbd>}
      </button>
      <ExportButton job={null} />
      <button type="button" class="quiet" aria-label={words.label.keys} onClick={() => void showHelp()}>
        ?
      </button>
    </div>
  );
}

/** What the person is unsure of and has noted, to come back to. */
function OwnNotes() {
  const all = [...notes.value.values()];
  const [unsure, texts] = [all.filter((one) => one.unsure).length, all.filter((one) => one.text).length];
  return (
    <>
      {unsure > 0 && (
        <a class="link" href={addressOf("label", { noted: "unsure" })}>
          {words.notes.unsureCount(unsure)}
        </a>
      )}{" "}
      {texts > 0 && (
        <a class="link" href={addressOf("label", { noted: "text" })}>
          {words.notes.textCount(texts)}
        </a>
      )}
    </>
  );
}
