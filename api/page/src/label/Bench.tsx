import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { expectImages } from "../service/images";
import { ClosePhoto } from "../shared/ClosePhoto";
import { Kbd } from "../shared/Kbd";
import { pressesSomething, useKeys } from "../shared/keyboard";
import { LinkButton } from "../shared/LinkButton";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { Noted } from "../shared/Noted";
import { NONE_KEY } from "../store/keys";
import { classByKey, classes } from "../store/labels";
import { noteOf } from "../store/notes";
import { attempt, say, tell } from "../store/notices";
import { onWrittenElsewhere } from "../store/outbox";
import { isSeveral, theProject } from "../store/project";
import { go, noteInAddress } from "../store/route";
import { chosen, type Entry, type Sheet } from "../store/sheet";
import { Strokes } from "../store/strokes";
import { words } from "../words";
import { ClassField } from "./ClassField";
import { Copies } from "./Copies";
import { editNote } from "./editNote";
import { Facts } from "./Facts";
import { Tile } from "./Tile";
import "./bench.css";

const FRESH_S = 20;
const AHEAD = 2; // images that are fetched before they are looked at

interface Given {
  sheet: Sheet;
  label: string;
  /** Other images are about to stand there. */
  busy: boolean;
  /** Further keys: what they do to the image that is looked at. */
  extra?: Record<string, (entry: Entry) => void>;
  aside?: ComponentChildren;
}

/** Where images are labelled: the sheet of them, and beside it the one that is looked at. */
export function Bench({ sheet, label, busy, extra = {}, aside }: Given) {
  const list = useRef<HTMLDivElement>(null);
  const side = useRef<HTMLElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const lifetime = useLifetime(sheet);
  const entry = sheet.current.value;
  const { said } = entry;

  useLayoutEffect(() => {
    sheet.onLook = (index, { focus }) => {
      const tile = list.current?.children[index] as HTMLElement | undefined;
      if (!tile || !list.current) return;
      if (focus && !side.current?.contains(document.activeElement)) tile.focus({ preventScroll: true });
      reveal(tile, list.current);
    };
  }, [sheet]);
  useEffect(() => {
    if (classes.peek().length) sheet.look(sheet.at.peek(), true);
    else field.current?.focus();
  }, [sheet]);

  const begun = useRef(entry);
  useEffect(() => {
    if (entry !== begun.current) noteInAddress({ image: entry.name });
  }, [entry]);
  useEffect(() => {
    const next = sheet.upcoming(AHEAD).map(({ name }) => name);
    expectImages(theProject().pool, next, 1024);
  }, [entry]);

  const refresh = () => void attempt(() => sheet.refresh(lifetime)).catch(() => {});
  useFreshness(FRESH_S, refresh);
  useEffect(() => onWrittenElsewhere(refresh, lifetime), [lifetime]);

  const toTile = () =>
    (list.current?.children[sheet.at.peek()] as HTMLElement | undefined)?.focus({ preventScroll: true });
  const toField = () => {
    field.current?.focus();
    field.current?.select();
  };
  const accept = () => {
    if (sheet.accept()) return;
    if (isSeveral() && classes.peek().length) return tell(words.label.nothingToSave);
    say(words.label.noSuggestion);
    toField();
  };
  const strokes = useMemo(() => new Strokes(), [sheet]);
  const annotate = () => void editNote(sheet.current.peek().name);
  const similar = () => go("similar", { like: sheet.current.peek().name });

  useKeys(
    (key, event) => {
      if (pressesSomething(event) || key === "Shift") return false;
      const stroke = strokes.press(key, classByKey.peek());
      if (stroke === "begun") say(words.label.begun(key));
      else if (stroke && stroke !== "dropped") sheet.give(stroke.name);
      if (stroke) return true;
      const at = sheet.at.peek();
      const does: Record<string, () => void> = {
        Enter: accept,
        ArrowRight: () => sheet.look(at + 1, true),
        ArrowLeft: () => sheet.look(at - 1, true),
        ArrowDown: () => sheet.look(at + columns(list.current!), true),
        ArrowUp: () => sheet.look(at - columns(list.current!), true),
        Home: () => sheet.look(0, true),
        End: () => sheet.look(sheet.entries.length - 1, true),
        s: () => sheet.skip(),
        " ": () => sheet.skip(),
        u: () => sheet.undo(),
        Backspace: () => sheet.undo(),
        Delete: () => sheet.takeBack(),
        "!": () => sheet.doubt(),
        ";": annotate,
        c: toField,
        "/": toField,
        m: similar,
      };
      const className = classByKey.peek().get(key);
      const current = sheet.current.peek();
      if (extra[key]) extra[key](current);
      else if (does[key]) does[key]();
      else if (key === "y" && current.copies?.length) sheet.toggleCopies();
      else if (key === NONE_KEY && isSeveral()) sheet.giveNone();
      else if (className) sheet.give(className);
      else return false;
      return true;
    },
    (key) => classByKey.peek().has(key),
  );

  return (
    <div class="bench">
      <aside class="side" ref={side} aria-label={words.label.lookedAt}>
        <figure class="photo">
          <ClosePhoto name={entry.name} hasKeys={!extra["+"]} />
        </figure>
        {strokes.begun.value && <p class="hint">{words.label.begun(strokes.begun.value)}</p>}
        <ClassField
          field={field}
          given={isSeveral() ? chosen(entry) : said.value.given}
          suggested={isSeveral() && (said.value.draft || said.value.given) ? null : entry.predicted}
          onClass={(name) => sheet.give(name)}
          onNone={isSeveral() ? () => sheet.giveNone() : null}
          onEmpty={accept}
          onLeave={toTile}
        />
        <Facts entry={entry} sheet={sheet} />
        <Noted note={noteOf(entry.name)} />
        <Copies copies={entry.copies ?? []} />
        {aside}
        <div class="row tools">
          {said.value.given || said.value.skipped ? (
            <button type="button" onClick={() => sheet.takeBack()}>
              {words.label.takeThisBack} <Kbd>{words.label.deleteKey}</Kbd>
            </button>
          ) : (
            <button type="button" onClick={() => sheet.skip()}>
              {words.label.skip} <Kbd>s</Kbd>
            </button>
          )}
          <button type="button" aria-pressed={noteOf(entry.name).unsure} onClick={() => sheet.doubt()}>
            {words.notes.unsure} <Kbd>!</Kbd>
          </button>
          <button type="button" onClick={annotate}>
            {words.notes.note} <Kbd>;</Kbd>
          </button>
          <button type="button" onClick={() => sheet.undo()}>
            {words.label.undo} <Kbd>u</Kbd>
          </button>
          <button type="button" onClick={similar}>
            {words.label.similar} <Kbd>m</Kbd>
          </button>
          <LinkButton />
        </div>
      </aside>
      <div class="sheet" ref={list} role="listbox" aria-label={label} aria-orientation="horizontal" aria-busy={busy}>
        {sheet.entries.map((one) => (
          <Tile key={one.name} entry={one} sheet={sheet} />
        ))}
      </div>
    </div>
  );
}

/** On a phone the tiles are a strip, and the page must stay where it is. */
function reveal(tile: HTMLElement, list: HTMLElement): void {
  if (list.scrollWidth > list.clientWidth) {
    list.scrollLeft = tile.offsetLeft - list.offsetLeft - (list.clientWidth - tile.clientWidth) / 2;
  } else tile.scrollIntoView({ block: "nearest" });
}

function columns(list: HTMLElement): number {
  const tiles = [...list.children] as HTMLElement[];
  const row = tiles.findIndex((tile) => tile.offsetTop !== tiles[0]?.offsetTop);
  return row > 0 ? row : 1;
}
