import { useEffect, useRef } from "preact/hooks";
import { Photo } from "../shared/Photo";
import type { Board, Entry } from "../store/board";
import { noteOf } from "../store/notes";
import { words } from "../words";

const say = words.boxes;

/** All images of the batch, and how far each is. */
export function Strip({ board, busy, onLooked }: { board: Board; busy: boolean; onLooked: () => void }) {
  const list = useRef<HTMLDivElement>(null);
  const at = board.at.value;
  useEffect(() => {
    const tile = list.current?.children[at] as HTMLElement | undefined;
    if (tile && list.current)
      list.current.scrollLeft =
        tile.offsetLeft - list.current.offsetLeft - (list.current.clientWidth - tile.clientWidth) / 2;
  }, [at]);
  return (
    <div
      class="strip-of-batch"
      ref={list}
      role="listbox"
      aria-label={say.strip}
      aria-orientation="horizontal"
      aria-busy={busy}
    >
      {board.entries.map((entry) => (
        <Tile
          key={entry.name}
          entry={entry}
          board={board}
          onLook={() => {
            board.look(entry.index);
            onLooked();
          }}
        />
      ))}
    </div>
  );
}

function Tile({ entry, board, onLook }: { entry: Entry; board: Board; onLook: () => void }) {
  const { sketch, skipped, saving, refused, by, index, name } = entry;
  const looked = board.at.value === index;
  const { finished, untouched } = sketch.value;
  const kind = finished ? "finished" : skipped.value ? "skipped" : untouched ? "" : "begun";
  const state = stateOf(entry, board);
  const seen = seenOf(entry, board);
  const noted = noteOf(name);
  const inWords = words.notes.inWords(noted);
  const after = refused.value ? say.stateRefused : saving.value ? say.stateSaving : "";
  return (
    <div
      class={["tile", kind, by.value !== null && "others", refused.value && "failed"].filter(Boolean).join(" ")}
      role="option"
      tabIndex={-1}
      aria-selected={looked}
      aria-label={[say.tile(index + 1, board.entries.length, name, state + after), inWords].filter(Boolean).join(", ")}
      onClick={onLook}
    >
      <Photo name={name} side={160} />
      {inWords && (
        <span class="note-mark" aria-hidden="true" title={inWords}>
          {noted.unsure ? "?" : "✎"}
        </span>
      )}
      <span class="given" aria-hidden="true" title={state}>
        {seen}
      </span>
    </div>
  );
}

function stateOf({ sketch, skipped, by }: Entry, board: Board): string {
  const { boxes, finished, untouched } = sketch.value;
  const own = boxes.filter((box) => !box.suggested).length;
  if (finished) return by.value !== null ? say.stateBy(own, by.value) : say.stateFinished(own);
  if (skipped.value) return words.label.skippedTile;
  return untouched ? say.stateSuggested(board.seenOf(boxes).length) : say.stateBegun(own);
}

/** The same in the few letters that a tile has room for. */
function seenOf({ sketch, skipped }: Entry, board: Board): string {
  const { boxes, finished, untouched } = sketch.value;
  const own = boxes.filter((box) => !box.suggested).length;
  if (finished) return say.stateFinished(own);
  if (skipped.value) return words.label.skippedTile;
  const suggested = board.seenOf(boxes).length;
  return untouched ? say.tileSuggested(suggested) : say.tileBegun(own);
}
