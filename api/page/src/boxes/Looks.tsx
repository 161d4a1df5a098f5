import type { Signal } from "@preact/signals";
import { Kbd } from "../shared/Kbd";
import type { Viewer } from "../shared/viewer";
import type { Board } from "../store/board";
import { words } from "../words";

interface Given {
  board: Board;
  viewer: Viewer;
  hidden: Signal<boolean>;
  brightness: Signal<number>;
}

const say = words.boxes;
const STEP = 0.01;
const KEYS = { hide: "h", all: "f" };

/** How the image is shown, and which suggestions. */
export function Looks({ board, viewer, hidden, brightness }: Given) {
  const { suggested, sketch } = board.current.value;
  const all = sketch.value.boxes.filter((box) => box.suggested);
  const shown = board.seenOf(sketch.value.boxes).filter((box) => box.suggested);
  const sure = suggested.filter(({ draft }) => draft).map(({ score }) => score);
  const least = board.least.value;
  return (
    <div class="looks">
      <div class="row">
        <button type="button" aria-label={say.farther} onClick={() => viewer.farther()}>
          −
        </button>
        <button
          type="button"
          aria-label={say.closer}
          onClick={() => viewer.closer(board.pickedBox.peek()?.place ?? null)}
        >
          +
        </button>
        <button type="button" onClick={() => viewer.fit()}>
          {say.allSeen} <Kbd>{KEYS.all}</Kbd>
        </button>
        <button
          type="button"
          aria-pressed={hidden.value}
          onClick={() => {
            hidden.value = !hidden.value;
          }}
        >
          {hidden.value ? say.show : say.hide} <Kbd>{KEYS.hide}</Kbd>
        </button>
        <label class="slider">
          <span>{say.brightness}</span>
          <input
            type="range"
            min={0.5}
            max={4}
            step={0.1}
            value={brightness.value}
            onInput={(event) => {
              brightness.value = event.currentTarget.valueAsNumber;
            }}
          />
        </label>
      </div>
      {suggested.length > 0 && (
        <div class="row">
          <label class="slider wide">
            <span>{say.least}</span>
            <input
              type="range"
              min={0}
              max={1}
              step={STEP}
              list="sure"
              value={least ?? (sure.length ? Math.min(...sure) : 1)}
              aria-valuetext={least === null ? say.leastAuto : say.leastValue(least)}
              onInput={(event) => {
                board.least.value = event.currentTarget.valueAsNumber;
              }}
            />
            <datalist id="sure">{sure.length > 0 && <option value={Math.min(...sure)} />}</datalist>
            <span class="num">{least === null ? say.leastAuto : say.leastValue(least)}</span>
          </label>
          {least !== null && (
            <button
              type="button"
              class="link"
              onClick={() => {
                board.least.value = null;
              }}
            >
              {say.leastReset}
            </button>
          )}
          {all.length > 0 && <span class="dim">{say.suggestions(shown.length, all.length)}</span>}
        </div>
      )}
    </div>
  );
}
