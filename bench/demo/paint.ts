import type { Dice } from "./dice.ts";
import type { Color } from "./world.ts";

/** A colour as hue in degrees, saturation and lightness in percent. */
export interface Paint {
  readonly hue: number;
  readonly saturation: number;
  readonly lightness: number;
}

type Band = readonly [low: number, high: number];

/** Hue, saturation and lightness that a person would call by the name without doubt; bands keep clear of each other. */
const bands: Readonly<Record<Color, readonly [hue: Band, saturation: Band, lightness: Band]>> = {
  red: [[-5, 5], [75, 95], [42, 52]],
  orange: [[26, 34], [88, 100], [49, 56]],
  yellow: [[51, 57], [88, 100], [48, 60]],
  green: [[108, 145], [50, 85], [28, 42]],
  blue: [[212, 234], [65, 92], [40, 56]],
  purple: [[270, 286], [48, 78], [34, 47]],
  pink: [[326, 344], [75, 95], [74, 82]],
  brown: [[20, 30], [48, 68], [21, 29]],
  black: [[0, 360], [0, 8], [0, 8]],
  white: [[0, 360], [0, 8], [95, 100]],
};

/** A paint inside the band of a colour's name. */
export function paintOf(color: Color, dice: Dice): Paint {
  const [hue, saturation, lightness] = bands[color];
  return {
    hue: dice.between(...hue),
    saturation: dice.between(...saturation),
    lightness: dice.between(...lightness),
  };
}

export function cssOf({ hue, saturation, lightness }: Paint): string {
  return `hsl(${hue.toFixed(1)} ${saturation.toFixed(1)}% ${lightness.toFixed(1)}%)`;
}

/** The same hue, lighter or darker by some percent. */
export function shaded(paint: Paint, percent: number): Paint {
  return { ...paint, lightness: Math.min(100, Math.max(0, paint.lightness + percent)) };
}

/**
 * How different two paints look: distance in Oklab, about 0.02 is just visible and 1 is black to white.
 * Source: Björn Ottosson, "A perceptual color space for image processing", 2020.
 */
export function difference(a: Paint, b: Paint): number {
  const [first, second] = [oklabOf(a), oklabOf(b)];
  return Math.hypot(...first.map((value, index) => value - second[index]!));
}

/** Difference in Oklab lightness alone: thin strokes are read by it, hardly by their hue. */
export function lightnessDifference(a: Paint, b: Paint): number {
  return Math.abs(oklabOf(a)[0] - oklabOf(b)[0]);
}

function oklabOf(paint: Paint): [number, number, number] {
  const [r, g, b] = rgbOf(paint).map((value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  ) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** HSL to RGB, all from 0 to 1. */
function rgbOf({ hue, saturation, lightness }: Paint): [number, number, number] {
  const light = lightness / 100;
  const chroma = saturation / 100 * Math.min(light, 1 - light);
  const channel = (offset: number) => {
    const k = (((offset + hue / 30) % 12) + 12) % 12;
    return light - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [channel(0), channel(8), channel(4)];
}
