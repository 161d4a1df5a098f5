import { useMemo, useRef } from "preact/hooks";
import { ClassField } from "../label/ClassField";
import { editNote } from "../label/editNote";
import { ClosePhoto } from "../shared/ClosePhoto";
import { Kbd } from "../shared/Kbd";
import { pressesSomething, useKeys } from "../shared/keyboard";
import { LinkButton } from "../shared/LinkButton";
import { Noted } from "../shared/Noted";
import { type Browse, told } from "../store/browse";
import { NONE_KEY } from "../store/keys";
import { classByKey } from "../store/labels";
import { attempt, say } from "../store/notices";
import { isSeveral } from "../store/project";
import { go } from "../store/route";
import { Strokes } from "../store/strokes";
import { words } from "../words";

/** The image that is looked at, and the classes: for it, or for all that are selected. */
export function Looked({ browse }: { browse: Browse }) {
  const field = useRef<HTMLInputElement>(null);
  const strokes = useMemo(() => new Strokes(), []);
  const image = browse.current.value;
  const selected = browse.selected.value.size;
  const act = (work: () => Promise<void>) => void attempt(work);
  const give = (name: string) => act(() => browse.give(name));
  const annotate = () => void (image && attempt(async () => (await editNote(image.name)) && browse.refresh()));
  const toGrid = () => document.getElementById("browse-grid")?.focus({ preventScroll: true });

  useKeys(
    (key, event) => {
      if (pressesSomething(event) || key === "Shift") return false;
      const stroke = strokes.press(key, classByKey.peek());
      if (stroke === "begun") say(words.label.begun(key));
      else if (stroke && stroke !== "dropped") give(stroke.name);
      if (stroke) return true;
      const does: Record<string, () => void> = {
        Enter: () => act(() => browse.accept()),
        Delete: () => act(() => browse.takeBack()),
        u: () => act(() => browse.undo()),
        Backspace: () => act(() => browse.undo()),
        c: () => field.current?.focus(),
        "!": () => act(() => browse.doubt()),
        ";": annotate,
        m: () => image && go("similar", { like: image.name }),
      };
      const className = classByKey.peek().get(key);
      if (does[key]) does[key]();
      else if (key === NONE_KEY && isSeveral()) act(() => browse.giveNone());
      else if (className) give(className);
      else return false;
      return true;
    },
    (key) => classByKey.peek().has(key),
  );

  if (!image) return null;
  return (
    <aside class="looked" aria-label={words.browse.side}>
      <figure class="photo">
        <ClosePhoto name={image.name} hasKeys />
      </figure>
      <p class="name">
        {image.name} <span class="dim">{told(image)}</span>{" "}
        {image.apart && <span class="badge">{words.browse.isApart}</span>}
      </p>
      {strokes.begun.value && <p class="hint">{words.label.begun(strokes.begun.value)}</p>}
      {selected > 1 && <p class="num">{words.browse.selected(selected)}</p>}
      <ClassField
        field={field}
        given={selected > 1 ? null : image.classes}
        suggested={selected > 1 || image.classes ? null : image.predicted}
        onClass={give}
        onNone={isSeveral() ? () => act(() => browse.giveNone()) : null}
        onEmpty={() => act(() => browse.accept())}
        onLeave={toGrid}
      />
      {image.notes.map((one) => (
        <Noted key={one.person} note={one} person={one.person} />
      ))}
      <div class="row tools">
        <button type="button" onClick={() => act(() => browse.doubt())}>
          {words.notes.unsure} <Kbd>!</Kbd>
        </button>
        <button type="button" onClick={annotate}>
          {words.notes.note} <Kbd>;</Kbd>
        </button>
        <button type="button" onClick={() => go("similar", { like: image.name })}>
          {words.label.similar} <Kbd>m</Kbd>
        </button>
        <LinkButton />
      </div>
    </aside>
  );
}
