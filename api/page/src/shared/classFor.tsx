import { matching } from "../store/keys";
import { classes } from "../store/labels";
import { open } from "../store/notices";
import { words } from "../words";
import { confirmed } from "./Dialogs";

/** The class that what was typed means: the likeliest match, or a new one if a person wants it. */
export async function classFor(typed: string): Promise<string | null> {
  const [match] = matching(classes.peek(), typed);
  if (match) return isWholeWordOf(match, typed) ? whichOf(match, typed) : match;
  return (await isWanted(typed)) ? typed : null;
}

/** Whether it stands in a longer name as a word of its own: who types "shirt" may mean another class than "t-shirt". */
export function isWholeWordOf(name: string, typed: string): boolean {
  const parts = name.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return parts.length > 1 && parts.includes(typed.toLowerCase());
}

/** Asks which of the two is meant. Resolves with null where neither is. */
export const whichOf = (match: string, typed: string) =>
  open<string>(words.labels.newClassTitle, (close) => (
    <div>
      <p class="prose">{words.labels.newClass(typed)}</p>
      <div class="row end">
        <button type="button" onClick={() => close(typed)}>
          {words.labels.makeClass(typed)}
        </button>
        <button type="button" class="primary" data-first onClick={() => close(match)}>
          {words.labels.itIs(match)}
        </button>
      </div>
    </div>
  ));

/** The very first class has none that it could be mistaken for. */
export async function isWanted(name: string): Promise<boolean> {
  if (!classes.peek().length) return true;
  const { newClassTitle, newClass, makeClass, typeOther } = words.labels;
  return confirmed(newClassTitle, newClass(name), makeClass(name), typeOther, true);
}
