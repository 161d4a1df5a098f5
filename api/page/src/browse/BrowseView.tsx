import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Problem } from "../service/service";
import { Asking } from "../shared/Asking";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { Refusal } from "../shared/Refusal";
import { Browse, type Look, PARTS_OF_LOOK } from "../store/browse";
import { Question } from "../store/jobs";
import { load, loadIfChanged } from "../store/labels";
import { loadNotes } from "../store/notes";
import { attempt } from "../store/notices";
import { onWrittenElsewhere } from "../store/outbox";
import { imagesOf, isBoxes, project } from "../store/project";
import { addressOf, go, noteInAddress } from "../store/route";
import { words } from "../words";
import { ActBar } from "./ActBar";
import { aboutOthers } from "./aboutOthers";
import { Filters } from "./Filters";
import { Grid } from "./Grid";
import { Looked } from "./Looked";
import "./browse.css";

const FRESH_S = 4;

/** All images of the pool, by what is known of them; the address says which are looked for. */
export function BrowseView({ params }: { params: URLSearchParams }) {
  return isBoxes() ? <p class="empty">{words.browse.notOfBoxes}</p> : <Browsing params={params} />;
}

function Browsing({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const job = useSignal<string | null>(null);
  const again = useSignal(0);
  const besides = useSignal<Problem | null>(null);
  const listed = useRef(0);
  const first = useRef<Browse | null>(null);
  const linked = useRef(params.get("image"));
  /** The ETag of the labels that the list was looked at anew for. */
  const taken = useRef<string | null>(null);
  const guess = useMemo(
    () => new Question("prediction", lifetime, undefined, async (job): Promise<{ id: string }> => job),
    [],
  );
  useEffect(() => {
    void attempt(async () => {
      await guess.resume(params.get("job"));
    });
  }, []);
  const found = guess.answer.value?.job.id ?? null;
  useEffect(() => {
    job.value = found;
  }, [found]);

  const look = useMemo(() => lookIn(params), [params]);
  const { pool, labels } = project.value ?? {};
  const looking = useLifetime(look, job.value, again.value, pool, labels);
  const browse = useMemo(() => {
    const before = first.current;
    const anew = again.value !== listed.current;
    listed.current = again.value;
    const sought = linked.current;
    const next =
      before?.other(look, job.value, looking, anew, sought) ??
      new Browse(look, job.value, looking, aboutOthers, false, [], sought);
    first.current = next;
    return next;
  }, [looking]);
  useEffect(() => {
    besides.value = null;
    taken.current = null;
    void orTold(() => load([], looking));
    void orTold(() => loadNotes(looking));
    browse.want(0, 1);
  }, [browse]);

  /** What the list is refused for is not told again of what is asked for beside it. */
  const orTold = (work: () => Promise<unknown>) =>
    attempt(async () => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (!looking.aborted) besides.value = error;
      }
    });
  const refresh = () =>
    void orTold(async () => {
      const found = await loadIfChanged([], taken.current, looking);
      if (found && (await browse.refresh())) taken.current = found.etag;
    }).catch(() => {});
  useFreshness(FRESH_S, () => refreshed.current());
  const refreshed = useRef(refresh);
  refreshed.current = refresh;
  useEffect(() => onWrittenElsewhere(() => refreshed.current(), lifetime), []);

  const looked = browse.current.value?.name;
  useEffect(() => {
    if (!looked || (looked !== linked.current && browse.isSeeking)) return;
    if (looked !== linked.current) linked.current = null;
    if (browse.at.peek() > 0 || params.has("image")) noteInAddress({ image: looked });
  }, [looked]);

  const seen = browse.seen.value;
  const missing = browse.missing.value;
  const problem = browse.problem.value ?? besides.value;
  return (
    <div class="view browse">
      <h1 class="only-heard">{words.browse.title}</h1>
      <Filters
        look={look}
        hasGuesses={job.value !== null}
        onChange={(changed) => show({ ...look, ...changed })}
        onClear={() => show({})}
        onPredict={() => void guess.ask(() => ({ kind: "prediction", ...imagesOf(), cross_validate: true }))}
        busy={guess.asking.value}
      />
      <Asking question={guess} />
      {problem && <Refusal problem={problem} />}
      {missing && (
        <div class="notice" role="alert">
          <strong>{missing.isInPool ? words.links.notFound(missing.name) : words.links.notInPool(missing.name)}</strong>{" "}
          {missing.isInPool ? (
            <a href={addressOf("browse", { image: missing.name })}>{words.links.showIt}</a>
          ) : (
            words.links.notInPoolText
          )}
        </div>
      )}
      <ActBar browse={browse} look={look} job={job.value} onAgain={() => again.value++} />
      <div class="browse-room">
        {seen && <Grid browse={browse} />}
        {!seen && !browse.problem.value && <p class="hint">{words.browse.looking}</p>}
        {seen && seen.total > 0 && <Looked browse={browse} />}
      </div>
    </div>
  );
}

function lookIn(params: URLSearchParams): Look {
  return Object.fromEntries(
    PARTS_OF_LOOK.filter((part) => params.has(part)).map((part) => [part, params.get(part) ?? ""]),
  );
}

function show(look: Look): void {
  const said = Object.entries(look).filter(
    ([part, value]) => value !== undefined && (value !== "" || part === "class" || part === "predicted"),
  );
  const address = addressOf("browse", Object.fromEntries(said));
  if (address !== location.hash) go("browse", Object.fromEntries(said));
}
