import { Component } from "preact";
import type { PoolImage } from "../service/types";
import { classColour } from "../shared/colour";
import { Photo } from "../shared/Photo";
import { inWords } from "../store/answer";
import { told } from "../store/browse";
import { words } from "../words";

interface Given {
  index: number;
  total: number;
  /** Not there yet where it is undefined. */
  image: PoolImage | undefined;
  isSelected: boolean;
  isLookedAt: boolean;
  /** In pixels, in the box that is scrolled. */
  width: number;
  height: number;
  left: number;
  top: number;
}

/** Drawn again where something of it changes, not whenever the grid is: a scroll draws the grid again with each row. */
export class BrowseTile extends Component<Given> {
  override shouldComponentUpdate(next: Given): boolean {
    return (Object.keys(next) as (keyof Given)[]).some((name) => next[name] !== this.props[name]);
  }

  override render(given: Given) {
    return <Tile {...given} />;
  }
}

function Tile({ index, total, image, isSelected, isLookedAt, width, height, left, top }: Given) {
  const given = image?.classes ?? null;
  const noted = image?.notes ?? [];
  const state = [given && "labelled", given?.length === 0 && "none", image?.disputed && "disputed"];
  return (
    <div
      class={["tile", ...state, isSelected && "picked", isLookedAt && "looked-at"].filter(Boolean).join(" ")}
      style={{
        width: `${width}px`,
        height: `${height}px`,
        transform: `translate(${left}px, ${top}px)`,
        ...classColour(given?.[0] ?? null),
      }}
      role="option"
      tabIndex={-1}
      id={`image-${index}`}
      data-index={index}
      aria-selected={isSelected}
      aria-setsize={total}
      aria-posinset={index + 1}
      aria-label={words.browse.said(
        index + 1,
        total,
        image?.name ?? "…",
        image ? toldWithNotes(image) : words.app.loading,
      )}
    >
      {image ? <Photo name={image.name} side={160} /> : <span class="frame" />}
      {noted.length > 0 && (
        <span class="note-mark" aria-hidden="true">
          {noted.some((one) => one.unsure) ? "?" : "✎"}
        </span>
      )}
      <span class="given" aria-hidden="true" title={image?.name}>
        {image && seen(image)}
      </span>
    </div>
  );
}

function seen({ classes, settled, disputed, predicted, confidence }: PoolImage): string {
  if (disputed) return words.browse.disputedTile;
  if (classes) return settled ? words.browse.settledTile(inWords(classes)) : inWords(classes);
  return predicted ? words.browse.guessTile(inWords(predicted), confidence ?? 0) : "";
}

const toldWithNotes = (image: PoolImage) =>
  [told(image), ...image.notes.map((one) => `${words.notes.inWords(one)} (${one.person})`)].join(", ");
