import { toneOf } from "../store/labels";

/** For the style sheet: the colour of a class. */
export function classColour(name: string | null, otherwise?: number): Record<string, string> {
  if (name === null) return {};
  const { hue, saturation } = toneOf(name, otherwise);
  return { "--hue": `${hue}`, ...(saturation === null ? {} : { "--saturation": `${Math.round(saturation * 100)}%` }) };
}
