import { Photo } from "../shared/Photo";
import { classColour } from "../shared/parts";
import type { Entry, Said, Sheet } from "../store/sheet";
import { words } from "../words";

const { label: say } = words;

export function Tile({ entry, sheet }: { entry: Entry; sheet: Sheet }) {
  const said = entry.said.value;
  const looked = entry.looked.value;
  const classes = ["tile", said.given && "labelled", said.skipped && "skipped", said.refused && "failed"];
  return (
    <div
      class={[...classes, said.saving && "saving"].filter(Boolean).join(" ")}
      style={classColour(said.given)}
      role="option"
      id={`tile-${entry.index}`}
      tabIndex={looked ? 0 : -1}
      aria-selected={looked}
      aria-label={say.tile(entry.index + 1, sheet.entries.length, entry.name, inWords(entry, said))}
      onClick={() => sheet.look(entry.index, true)}
    >
      <Photo name={entry.name} side={160} />
      <span class="rank" aria-hidden="true">
        {entry.index + 1}
      </span>
      <span class="given" aria-hidden="true" title={said.by ? say.by(said.by) : undefined}>
        {said.given ?? (said.skipped ? say.skippedTile : entry.predicted ? say.suggestedTile(entry.predicted) : "")}
      </span>
    </div>
  );
}

/** For a screen reader. */
function inWords(entry: Entry, said: Said): string {
  const after = said.refused ? say.saidRefused : said.saving ? say.saidSaving : "";
  if (said.given) return (said.by ? say.saidLabelledBy(said.given, said.by) : say.saidLabelled(said.given)) + after;
  if (said.skipped) return say.skippedTile;
  return (entry.predicted ? say.saidSuggested(entry.predicted) : say.saidNothing) + after;
}
