import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ClassField } from "../label/ClassField";
import { editNote } from "../label/editNote";
import { expectImages } from "../service/images";
import { Kbd } from "../shared/Kbd";
import { pressesSomething, useKeys } from "../shared/keyboard";
import { LinkButton } from "../shared/LinkButton";
import { useLifetime } from "../shared/lifetime";
import { Noted } from "../shared/Noted";
import { Viewer } from "../shared/viewer";
import type { Board } from "../store/board";
import { classByKey, classes } from "../store/labels";
import { noteOf } from "../store/notes";
import { say, tell } from "../store/notices";
import { onWrittenElsewhere } from "../store/outbox";
import { theProject } from "../store/project";
import { addressOf, go } from "../store/route";
import { likeBox } from "../store/similarBoxes";
import { words } from "../words";
import { BoxList } from "./BoxList";
import { dragged, type Grip, inTheMiddle } from "./geometry";
import { Gestures } from "./gestures";
import { Looks } from "./Looks";
import { Stage } from "./Stage";
import { Strip } from "./Strip";

const AHEAD = 2;
const FAR = 10; // pixels, with Shift
const PAN = 60;
const MOVES = ["all", "se", "nw"] as const satisfies Grip[];
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

interface Given {
  board: Board;
  /** Other images are about to stand there. */
  busy: boolean;
  /** All of the batch is done, and the next one wanted. */
  onDone: () => void;
  /** Somebody else may have changed what is shown. */
  onStale: () => void;
}

/** Where boxes are drawn: the image, what can be done to it, and the batch. */
export function Easel({ board, busy, onDone, onStale }: Given) {
  const stage = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const viewer = useMemo(() => new Viewer(), [board]);
  const gestures = useMemo(() => new Gestures(board, viewer), [board]);
  const hidden = useSignal(false);
  const brightness = useSignal(1);
  const moves = useSignal<(typeof MOVES)[number]>("all");
  const lifetime = useLifetime(board);
  const entry = board.current.value;
  const box = board.pickedBox.value;
  const isUnnamed = box?.class === null;

  const toStage = () => stage.current?.focus({ preventScroll: true });
  useEffect(toStage, [board]);
  useEffect(() => onWrittenElsewhere(onStale, lifetime), [lifetime]);
  useEffect(() => {
    hidden.value = false;
    expectImages(
      theProject().pool,
      board.upcoming(AHEAD).map(({ name }) => name),
      1024,
    );
  }, [entry]);
  useEffect(() => {
    moves.value = "all";
    if (box && isUnnamed && !box.suggested && !classes.peek().length) field.current?.focus();
  }, [box?.id]);

  const done = () => !board.open.peek().length;
  const accept = () => {
    if (done()) onDone();
    else board.accept();
  };
  const draw = () => {
    const size = entry.size.peek();
    if (!size) return;
    board.draw(inTheMiddle(viewer.view.peek(), size, viewer.stage.peek()));
    toStage();
  };
  const arrow = ([x, y]: [number, number], far: boolean) => {
    const size = entry.size.peek();
    const by = far ? FAR : 1;
    if (box && size) board.place(dragged(box.place, moves.value, [x * by, y * by], size), moves.value);
    else if (viewer.isClose) viewer.pan([-x * PAN, -y * PAN]);
    else board.look(board.at.peek() + x + y);
  };
  const toField = () => {
    field.current?.focus();
    field.current?.select();
  };
  const changeMoves = () => {
    moves.value = MOVES[(MOVES.indexOf(moves.value) + 1) % MOVES.length]!;
    say(words.boxes.moves[moves.value]);
  };
  const annotate = () => void editNote(entry.name);
  const similar = () =>
    box ? go("similar", likeBox(entry.name, box.place)) : tell(words.boxes.pickFirst(board.seen.peek().length));

  useKeys(
    (key, event) => {
      if (pressesSomething(event)) return false;
      const direction = ARROWS[key];
      if (direction) {
        arrow(direction, event.shiftKey);
        return true;
      }
      if (key === "Tab") return isOn(event, stage.current) && board.pickNext(event.shiftKey ? -1 : 1);
      const does: Record<string, () => void> = {
        " ": accept,
        Enter: accept,
        n: () => board.nothingByKey(),
        b: draw,
        r: changeMoves,
        c: toField,
        "/": toField,
        Delete: () => board.remove(),
        Backspace: () => board.remove(),
        z: () => (event.shiftKey ? board.redo() : board.undo()),
        u: () => board.undo(),
        h: () => {
          hidden.value = !hidden.value;
        },
        "+": () => viewer.closer(box?.place ?? null),
        "=": () => viewer.closer(box?.place ?? null),
        "-": () => viewer.farther(),
        f: () => viewer.fit(),
        PageDown: () => board.look(board.at.peek() + 1),
        PageUp: () => board.look(board.at.peek() - 1),
        s: () => board.skip(),
        "!": () => board.doubt(),
        ";": annotate,
        m: similar,
        Escape: () => gestures.cancel() || board.pick(null),
      };
      const className = classByKey.peek().get(key);
      if (does[key]) does[key]();
      else if (className) board.name(className);
      else {
        if (box && /^\p{L}$/u.test(event.key)) toField(); // a class's name: the browser writes the letter there
        return false;
      }
      return true;
    },
    (key) => classByKey.peek().has(key),
  );
  /** Whoever pressed a button with a pointer goes on with keys of the image. */
  const backToStage = (event: MouseEvent) => {
    if (event.detail > 0 && (event.target as Element).closest("button")) toStage();
  };
  const onStageKey = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (event.shiftKey) board.redo();
    else board.undo();
  };

  const moving = `${words.boxes.moves[moves.value]}. ${words.boxes.moveHint}`;
  const aboutBox = isUnnamed ? words.boxes.nameIt : moving;

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the stage and of what stands beside it
    <div class="easel" onKeyDown={onStageKey} onClick={backToStage}>
      <div class="seen">
        <Stage
          board={board}
          viewer={viewer}
          gestures={gestures}
          stage={stage}
          hidden={hidden.value}
          brightness={brightness.value}
        />
        <Looks board={board} viewer={viewer} hidden={hidden} brightness={brightness} />
      </div>
      <aside class="tools-side" aria-label={words.label.lookedAt}>
        <div class="row main-tools">
          <button type="button" class="primary" onClick={accept}>
            {words.boxes.allRight} <Kbd>{words.boxes.spaceKey}</Kbd>
          </button>
          <button type="button" onClick={() => board.nothingHere()}>
            {words.boxes.nothingHere} <Kbd>n</Kbd>
          </button>
        </div>
        <ClassField
          field={field}
          given={box?.class && !box.suggested ? [box.class] : null}
          suggested={box?.suggested && box.class ? [box.class] : null}
          onClass={(name) => board.name(name)}
          onEmpty={accept}
          noClass={words.boxes.noClass}
          onLeave={toStage}
        />
        <p class="hint" role="status">
          {box ? aboutBox : entry.reason}
        </p>
        <Noted note={noteOf(entry.name)} />
        <div class="row tools">
          <button type="button" onClick={draw}>
            {words.boxes.newBox} <Kbd>{KEYS.draw}</Kbd>
          </button>
          <button type="button" disabled={!box} onClick={() => board.remove()}>
            {words.boxes.remove} <Kbd>{words.boxes.removeKey}</Kbd>
          </button>
          <button type="button" disabled={!board.canUndo.value} onClick={() => board.undo()}>
            {words.label.undo} <Kbd>{KEYS.undo}</Kbd>
          </button>
          {entry.sketch.value.untouched && !entry.skipped.value ? (
            <button type="button" onClick={() => board.skip()}>
              {words.label.skip} <Kbd>s</Kbd>
            </button>
          ) : (
            <button type="button" onClick={() => board.takeBack()}>
              {words.label.takeThisBack}
            </button>
          )}
          <button type="button" aria-pressed={noteOf(entry.name).unsure} onClick={() => board.doubt()}>
            {words.notes.unsure} <Kbd>!</Kbd>
          </button>
          <button type="button" onClick={annotate}>
            {words.notes.note} <Kbd>;</Kbd>
          </button>
          <button type="button" onClick={similar}>
            {words.boxes.similar} <Kbd>m</Kbd>
          </button>
          <LinkButton to={addressOf("label", { image: entry.name })} />
        </div>
        <BoxList board={board} onPicked={toStage} />
      </aside>
      <Strip board={board} busy={busy} onLooked={toStage} />
    </div>
  );
}

const KEYS = { draw: "b", undo: "z" };

const isOn = (event: KeyboardEvent, stage: HTMLElement | null) =>
  event.target === document.body || event.target === stage;
