import { useEffect, useState } from "preact/hooks";
import type { ImageBoxes, SuspectBox } from "../service/types";
import { Kbd } from "../shared/Kbd";
import { pressesSomething, useKeys } from "../shared/keyboard";
import { useLifetime } from "../shared/lifetime";
import { drawnOn } from "../store/drawings";
import { attempt } from "../store/notices";
import { go } from "../store/route";
import { type BoxDesk, idOf } from "../store/suspectBoxes";
import { words } from "../words";
import { type Marked, Scene } from "./Scene";
import { Suspects } from "./Suspects";

const say = words.boxCheck;
const SHOWN = 60;
const KEYS = { keep: "k", undo: "u", draw: "d" };

/** Suspicious boxes, the worst first: each is kept, put right as suggested, or drawn anew. */
export function BoxDeskView({ desk }: { desk: BoxDesk }) {
  const item = desk.current.value;
  const draw = () => item && go("label", { image: item.name });
  useKeys((key, event) => {
    const onSuspect = event.target instanceof Element && event.target.closest(".suspect") !== null;
    if (pressesSomething(event) && !(onSuspect && key === "Enter")) return false;
    const does: Record<string, () => void> = {
      k: () => desk.keep(),
      Enter: () => desk.change(),
      u: () => desk.undo(),
      d: () => draw(),
      ArrowRight: () => desk.look(desk.at.peek() + 1),
      ArrowLeft: () => desk.look(desk.at.peek() - 1),
    };
    does[key]?.();
    return key in does;
  });
  if (!item) return <p class="hint">{desk.canTell ? say.nothing : say.cantTell}</p>;
  return (
    <div class="desk">
      <div class="pair">
        <Looked key={idOf(item)} item={item} />
        <p class="reason">{words.results?.box(item) ?? item.reason}</p>
        <div class="row">
          <button type="button" onClick={() => desk.keep()}>
            {say.keep} <Kbd>{KEYS.keep}</Kbd>
          </button>
          <button type="button" class="primary" onClick={() => desk.change()}>
            {say.change[item.suspicion](item.suggested)} <Kbd>Enter</Kbd>
          </button>
          <button type="button" onClick={draw}>
            {say.draw} <Kbd>{KEYS.draw}</Kbd>
          </button>
          <button type="button" class="quiet" onClick={() => desk.undo()}>
            {words.check.undo} <Kbd>{KEYS.undo}</Kbd>
          </button>
        </div>
      </div>
      <Suspects
        label={say.heading}
        desk={desk}
        shown={SHOWN}
        idOf={idOf}
        draw={(one) => (
          <span>
            <strong>{say.kinds[one.suspicion]}</strong> {one.class ?? one.suggested}
            <span class="hint">{desk.done.value.get(idOf(one)) ?? one.name}</span>
          </span>
        )}
      />
    </div>
  );
}

/** What was drawn, and what speaks against it, closely. */
function Looked({ item }: { item: SuspectBox }) {
  const lifetime = useLifetime(item);
  const [image, setImage] = useState<ImageBoxes | null>(null);
  useEffect(() => {
    void attempt(async () => setImage((await drawnOn([item], lifetime)).get(item.name) ?? null));
  }, []);
  const size = image?.width && image.height ? { width: image.width, height: image.height } : null;
  const marked: Marked[] = [];
  if (item.box) marked.push({ place: item.box, title: item.class ?? "", kind: "drawn" });
  if (item.predicted_box) {
    marked.push({ place: item.predicted_box, title: say.found(item.suggested ?? item.class ?? ""), kind: "found" });
  }
  return (
    <figure class="photo">
      <div class="two-up">
        {size && <Scene name={item.name} size={size} marked={marked} around={item.box ?? item.predicted_box} />}
        {size && <Scene name={item.name} size={size} marked={marked} />}
      </div>
      <figcaption>
        <span class="dim name">{item.name}</span> {say.legend}
      </figcaption>
    </figure>
  );
}
