import { classColour } from "../shared/colour";
import type { Board } from "../store/board";
import { words } from "../words";

const say = words.boxes;

/** The boxes of the image that is looked at, for those who would rather read than look. */
export function BoxList({ board, onPicked }: { board: Board; onPicked: () => void }) {
  const boxes = board.seen.value;
  if (!boxes.length) return <p class="hint">{say.none}</p>;
  return (
    <ul class="box-list" aria-label={say.list}>
      {boxes.map((box) => (
        <li key={box.id}>
          <button
            type="button"
            class={box.suggested ? "suggested" : ""}
            aria-pressed={board.picked.value === box.id}
            style={classColour(box.class)}
            onClick={() => {
              board.pick(box.id);
              onPicked();
            }}
          >
            <span class="swatch" aria-hidden="true" />
            <span class="class-name">
              {box.class ?? say.unnamedBox}
              {box.suggested && ` ${say.leastValue(box.suggested.score)}`}
            </span>
            <span class="num dim">{say.thisBox(Math.round(box.place[2]), Math.round(box.place[3]))}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
