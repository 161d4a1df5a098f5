import { matching } from "../store/keys";
import { classes } from "../store/labels";
import { words } from "../words";
import { confirmed } from "./Dialogs";

/** The class that what was typed means: the likeliest match, or a new one if a person wants it. */
export async function classFor(typed: string): Promise<string | null> {
  return matching(classes.peek(), typed)[0] ?? ((await isWanted(typed)) ? typed : null);
}

/** The very first class has none that it could be mistaken for. */
export async function isWanted(name: string): Promise<boolean> {
  if (!classes.peek().length) return true;
  const { newClassTitle, newClass, makeClass, typeOther } = words.labels;
  return confirmed(newClassTitle, newClass(name), makeClass(name), typeOther, true);
}
