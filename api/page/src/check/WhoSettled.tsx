import type { SettledBy } from "../service/types";
import { ago, words } from "../words";

/** Who settled what counts, and when; nothing where that isn't known. */
export function WhoSettled({ by }: { by: SettledBy | null | undefined }) {
  return by ? <p class="small dim">{words.check.settledBy(by.person, ago(by.at))}</p> : null;
}
