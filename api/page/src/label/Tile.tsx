import { useComputed } from "@preact/signals";
import { classColour } from "../shared/colour";
import { Photo } from "../shared/Photo";
import { inWords } from "../store/answer";
import { notes } from "../store/notes";
import { SETTLED } from "../store/settling";
import type { Entry, Said, Sheet } from "../store/sheet";
import { words } from "../words";

const { label: say } = words;

export function Tile({ entry, sheet }: { entry: Entry; sheet: Sheet }) {
  const said = entry.said.value;
  const looked = entry.looked.value;
  const { given, draft } = said;
  const noted = useComputed(() => notes.value.get(entry.name)).value;
  const state = [given && "labelled", given?.length === 0 && "none", draft && "draft", said.skipped && "skipped"];
  return (
    <div
      class={["tile", ...state, said.refused && "failed", said.saving && "saving"].filter(Boolean).join(" ")}
      style={classColour(given?.[0] ?? null)}
      role="option"
      id={`tile-${entry.index}`}
      tabIndex={looked ? 0 : -1}
      aria-selected={looked}
      aria-label={say.tile(
        entry.index + 1,
        sheet.entries.length,
        entry.name,
        [heard(entry, said), noted && words.notes.inWords(noted)].filter(Boolean).join(", "),
      )}
      onClick={() => sheet.look(entry.index, true)}
    >
      <Photo name={entry.name} side={160} />
      <span class="rank" aria-hidden="true">
        {entry.index + 1}
      </span>
      {noted && (
        <span class="note-mark" aria-hidden="true" title={words.notes.inWords(noted)}>
          {noted.unsure ? "?" : "✎"}
        </span>
      )}
      <span class="given" aria-hidden="true" title={titleOf(said)}>
        {noted?.unsure && said.skipped ? words.notes.isUnsure : seen(entry, said)}
      </span>
    </div>
  );
}

function seen({ predicted }: Entry, { given, draft, skipped }: Said): string {
  if (draft) return say.draftTile(draft.answer ? inWords(draft.answer) : "");
  if (given) return inWords(given);
  if (skipped) return say.skippedTile;
  return predicted ? say.suggestedTile(inWords(predicted)) : "";
}

/** For a screen reader. */
function heard({ predicted }: Entry, { given, by, draft, skipped, refused, saving }: Said): string {
  const after = refused ? say.saidRefused : saving ? say.saidSaving : "";
  if (draft) return say.saidDraft(draft.answer ? inWords(draft.answer) : say.nothingChosen);
  if (given && by === SETTLED) return words.browse.settled(inWords(given)) + after;
  if (given) return (by ? say.saidLabelledBy(inWords(given), by) : say.saidLabelled(inWords(given))) + after;
  if (skipped) return say.skippedTile;
  return (predicted ? say.saidSuggested(inWords(predicted)) : say.saidNothing) + after;
}

function titleOf({ given, by }: Said): string | undefined {
  if (given && by === SETTLED) return words.browse.settled(inWords(given));
  return by ? say.by(by) : undefined;
}
