import { hueOf } from "../store/labels";

/** For the style sheet: the colour of a class. */
export const classColour = (name: string | null, otherwise?: number) =>
  name === null ? {} : { "--hue": `${hueOf(name, otherwise)}` };
