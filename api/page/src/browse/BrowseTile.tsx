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
  style: Record<string, string>;
}

export function BrowseTile({ index, total, image, isSelected, isLookedAt, style }: Given) {
  const given = image?.classes ?? null;
  const noted = image?.notes ?? [];
  const state = [given && "labelled", given?.length === 0 && "none", image?.disputed && "disputed"];
  return (
    <div
      class={["tile", ...state, isSelected && "picked", isLookedAt && "looked-at"].filter(Boolean).join(" ")}
      style={{ ...style, ...classColour(given?.[0] ?? null) }}
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
