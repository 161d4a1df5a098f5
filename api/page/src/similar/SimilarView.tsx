import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Bench } from "../label/Bench";
import { otherwise } from "../label/otherwise";
import type { Results } from "../service/types";
import { Asking } from "../shared/Asking";
import { Kbd } from "../shared/Kbd";
import { useKeys } from "../shared/keyboard";
import { useLifetime } from "../shared/lifetime";
import { Photo } from "../shared/Photo";
import { Remarks } from "../shared/Remarks";
import { soon } from "../store/ahead";
import { untilDone } from "../store/connection";
import { Question } from "../store/jobs";
import { load } from "../store/labels";
import { say, tell } from "../store/notices";
import { imagesOf } from "../store/project";
import { addressOf } from "../store/route";
import { Sheet } from "../store/sheet";
import { words } from "../words";

const ADD = 40;

/** Images that look like some, and unlike others, to be labelled like a batch. */
export function SimilarView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const sheet = useSignal<Sheet | null>(null);
  const like = useSignal<string[]>(params.getAll("like"));
  const unlike = useSignal<string[]>([]);

  const search = useMemo(
    () =>
      new Question("similar", lifetime, async (result, job) => {
        const asked = job.request as { like?: string[]; unlike?: string[] };
        if (!like.value.length) like.value = asked.like ?? [];
        const given = await untilDone(() => load(result.data, lifetime), lifetime);
        sheet.value = result.items.length ? new Sheet(itemsOf(result, like.value.length > 1), given, otherwise) : null;
        say(words.similar.found(result.items.length));
      }),
    [],
  );
  const again = () => {
    if (like.value.length) {
      const [wanted, not] = [like.value, unlike.value];
      void search.ask(() => ({ kind: "similar", add: ADD, like: wanted, unlike: not, ...imagesOf(), ...soon() }));
    }
  };
  useEffect(() => {
    if (params.get("job")) void search.resume(params.get("job"));
    else again();
  }, []);

  const more = (name: string, wanted: boolean) => {
    const others = (names: string[]) => names.filter((one) => one !== name);
    const nowLike = wanted ? [...others(like.value), name] : others(like.value);
    if (!nowLike.length) return tell(words.similar.oneAtLeast);
    like.value = nowLike;
    unlike.value = wanted ? others(unlike.value) : [...others(unlike.value), name];
    say(wanted ? words.similar.moreSuch : words.similar.noneSuch);
  };
  const current = () => sheet.value?.current.value.name ?? "";
  useKeys((key) => {
    if (key === "n") again();
    return key === "n";
  });

  const answer = search.answer.value;
  return (
    <div class="view">
      <h1 class="only-heard">{words.similar.title}</h1>
      <div class="examples">
        <Group heading={words.similar.like} names={like.value} kind="like" />
        <Group heading={words.similar.unlike} names={unlike.value} kind="unlike" />
        <button type="button" class="primary" disabled={search.asking.value} onClick={again}>
          {words.similar.again} <Kbd>n</Kbd>
        </button>
        {answer && answer.result.items.length > 0 && (
          <a class="button" href={addressOf("browse", { of_job: answer.job.id })}>
            {words.similar.all}
          </a>
        )}
        <a class="button" href={addressOf("label")}>
          {words.similar.back}
        </a>
      </div>
      <Asking question={search} called={words.similar.looking} />
      {sheet.value && (
        <Bench
          key={answer?.job.id}
          sheet={sheet.value}
          label={words.similar.mostAlike}
          busy={search.asking.value}
          extra={{
            "+": (entry) => more(entry.name, true),
            "=": (entry) => more(entry.name, true),
            "-": (entry) => more(entry.name, false),
          }}
          aside={
            <div class="row tools">
              <button type="button" onClick={() => more(current(), true)}>
                {words.similar.such} <Kbd>+</Kbd>
              </button>
              <button type="button" onClick={() => more(current(), false)}>
                {words.similar.notSuch} <Kbd>−</Kbd>
              </button>
            </div>
          }
        />
      )}
      {answer && !answer.result.items.length && <p class="empty">{words.similar.nothing}</p>}
      {answer && <Remarks job={answer.job} skipped={answer.result.skipped} />}
      {!like.value.length && !answer && !search.asking.value && <p class="empty">{words.similar.chooseOne}</p>}
    </div>
  );
}

function itemsOf(result: Results["similar"], several: boolean) {
  return result.items.map(({ name, like }) => ({ name, reason: several ? words.similar.likeReason(like) : "" }));
}

function Group({ heading, names, kind }: { heading: string; names: readonly string[]; kind: string }) {
  if (!names.length) return null;
  return (
    <div class={`group ${kind}`}>
      <h2>{heading}</h2>
      <div class="strip">
        {names.map((name) => (
          <Photo key={name} name={name} side={160} alt={name} />
        ))}
      </div>
    </div>
  );
}
