// What of a colour counts for a class: how light it is, the style sheet decides.

/** Hue in degrees and saturation from 0 to 1 of `#rrggbb` or `#rgb`. */
export function toneIn(colour: string): { hue: number; saturation: number } {
  const digits = colour.length === 4 ? [...colour.slice(1)].map((one) => one + one) : colour.slice(1).match(/../g)!;
  const [red, green, blue] = digits.map((one) => Number.parseInt(one, 16) / 255) as [number, number, number];
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  const span = most - least;
  if (!span) return { hue: 0, saturation: 0 };
  const turn =
    most === red ? (green - blue) / span : most === green ? (blue - red) / span + 2 : (red - green) / span + 4;
  return { hue: Math.round((turn * 60 + 360) % 360), saturation: span / (1 - Math.abs(most + least - 1)) };
}
