import { useEffect, useMemo } from "preact/hooks";
import { Scene } from "../check/Scene";
import type { BoxesSimilar } from "../service/types";
import { Asking } from "../shared/Asking";
import { Kbd } from "../shared/Kbd";
import { pressesSomething, useKeys } from "../shared/keyboard";
import { useLifetime } from "../shared/lifetime";
import { Remarks } from "../shared/Remarks";
import { Question } from "../store/jobs";
import { ofBoxes } from "../store/project";
import { addressOf, go } from "../store/route";
import { AlikeBoxes, type BoxExample } from "../store/similarBoxes";
import { words } from "../words";
import "./similar.css";

const ADD = 40;
const say = words.similar;

/** Boxes that look like some, and unlike others: on images that nobody has drawn on. */
export function BoxSimilarView({ params }: { params: URLSearchParams }) {
  const lifetime = useLifetime();
  const boxes = useMemo(() => new AlikeBoxes(params), []);
  const search = useMemo(
    () =>
      new Question<"similar", BoxesSimilar>("similar", lifetime, async (result, job) => {
        if (result.task === "detection") await boxes.take(result, job, lifetime);
      }),
    [],
  );
  const again = () => {
    const [like_boxes, unlike_boxes] = [plain(boxes.like.value), plain(boxes.unlike.value)];
    if (like_boxes.length) {
      void search.ask(() => ({ kind: "similar", add: ADD, like_boxes, unlike_boxes, ...ofBoxes() }));
    }
  };
  useEffect(() => {
    if (boxes.like.value.length) again();
    else void search.resume(params.get("job"));
  }, []);
  const draw = () => {
    const name = boxes.current.value?.name;
    if (name) go("label", { image: name, back: "similar" });
  };
  useKeys((key, event) => {
    if (pressesSomething(event)) return false;
    const does: Record<string, () => void> = {
      n: again,
      "+": () => boxes.more(true),
      "=": () => boxes.more(true),
      "-": () => boxes.more(false),
      d: draw,
      ArrowRight: () => boxes.look(boxes.at.peek() + 1),
      ArrowLeft: () => boxes.look(boxes.at.peek() - 1),
    };
    does[key]?.();
    return key in does;
  });

  const answer = search.answer.value;
  const found = boxes.items.value;
  return (
    <div class="view">
      <h1 class="only-heard">{say.title}</h1>
      <div class="examples">
        <Group heading={say.like} kind="like" examples={boxes.like.value} boxes={boxes} />
        <Group heading={say.unlike} kind="unlike" examples={boxes.unlike.value} boxes={boxes} />
        <button type="button" class="primary" disabled={search.asking.value} onClick={again}>
          {say.again} <Kbd>n</Kbd>
        </button>
        <a class="button" href={addressOf("label")}>
          {say.back}
        </a>
      </div>
      <Asking question={search} called={say.looking} />
      {found.length > 0 && (
        <>
          <div class="row">
            <button type="button" onClick={() => boxes.more(true)}>
              {say.such} <Kbd>+</Kbd>
            </button>
            <button type="button" onClick={() => boxes.more(false)}>
              {say.notSuch} <Kbd>−</Kbd>
            </button>
            <button type="button" onClick={draw}>
              {words.boxCheck.draw} <Kbd>{KEYS.draw}</Kbd>
            </button>
          </div>
          <ol class="alike" aria-label={say.mostAlikeBoxes} aria-busy={search.asking.value}>
            {found.map((one, index) => (
              <Found key={one.rank} one={one} index={index} boxes={boxes} />
            ))}
          </ol>
        </>
      )}
      {answer && !found.length && <p class="empty">{say.noBox}</p>}
      {answer && <Remarks job={answer.job} skipped={answer.result.skipped} />}
      {!boxes.like.value.length && !answer && !search.asking.value && <p class="empty">{say.chooseBox}</p>}
    </div>
  );
}

const KEYS = { draw: "d" };

const plain = (examples: readonly BoxExample[]) =>
  examples.map(({ name, box }) => ({ name, box: [...box] as [number, number, number, number] }));

function Found({ one, index, boxes }: { one: BoxesSimilar["items"][number]; index: number; boxes: AlikeBoxes }) {
  const size = boxes.sizes.value.get(one.name);
  const example = boxes.isExample(one);
  const kind = example === null ? "" : example ? " like" : " unlike";
  return (
    <li>
      <button
        type="button"
        class={`alike-box${kind}`}
        aria-current={index === boxes.at.value ? "true" : undefined}
        onClick={() => boxes.look(index)}
      >
        {size && (
          <Scene name={one.name} size={size} marked={[{ place: one.box, title: "", kind: "found" }]} around={one.box} />
        )}
        <span class="name">
          {one.predicted} <span class="dim">{one.name}</span>
        </span>
      </button>
    </li>
  );
}

interface OfGroup {
  heading: string;
  kind: string;
  examples: readonly BoxExample[];
  boxes: AlikeBoxes;
}

function Group({ heading, kind, examples, boxes }: OfGroup) {
  if (!examples.length) return null;
  return (
    <div class={`group ${kind}`}>
      <h2>{heading}</h2>
      <div class="strip">
        {examples.map(({ name, box }) => {
          const size = boxes.sizes.value.get(name);
          return (
            <div class="example-box" key={`${name} ${box}`}>
              {size && (
                <Scene name={name} size={size} marked={[{ place: box, title: "", kind: "drawn" }]} around={box} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
