import type { Noted as Note } from "../store/notes";
import { words } from "../words";

/** What somebody says of an image besides its label. */
export function Noted({ note: { unsure, text }, person }: { note: Note; person?: string }) {
  if (!unsure && !text) return null;
  return (
    <p class="noted">
      {unsure && <strong>{words.notes.isUnsure}</strong>} {text} {person && <span class="dim">{person}</span>}
    </p>
  );
}
