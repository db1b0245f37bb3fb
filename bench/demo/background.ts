import type { Dice } from "./dice.ts";
import { cssOf, type Paint, shaded } from "./paint.ts";

/** What lies behind the things of a picture. */
export interface Background {
  readonly type: "plain" | "gradient" | "noise" | "blotches";
  /** The name of a plain background that everyone would call the same. */
  readonly name?: string;
  /** All paints that occur, so that things can be chosen to stand out from each. */
  readonly paints: readonly Paint[];
  /** Direction of a gradient in degrees. */
  readonly angle: number;
  /** Seed and grain of the noise. */
  readonly seed: number;
  readonly frequency: number;
}

const namedPaints: Readonly<
  Record<string, readonly [hue: number, saturation: number, lightness: number, jitter: number]>
> = {
  white: [0, 0, 98, 2],
  black: [0, 0, 3, 3],
  gray: [0, 0, 52, 8],
  red: [0, 80, 46, 4],
  green: [125, 60, 36, 5],
  blue: [222, 75, 46, 5],
  yellow: [54, 92, 53, 4],
};

/** A background: plain with a name, plain without one, a linear gradient, fine noise or soft blotches. */
export function makeBackground(dice: Dice): Background {
  const type = dice.weighted({ plain: 40, gradient: 25, noise: 18, blotches: 17 });
  const rest = {
    angle: dice.between(0, 360),
    seed: dice.integer(1, 9999),
    frequency: dice.between(0.6, 0.9),
  };
  if (type === "plain" && dice.happens(0.6)) {
    const name = dice.pick(Object.keys(namedPaints));
    const [hue, saturation, lightness, jitter] = namedPaints[name]!;
    const paint = { hue, saturation, lightness: lightness + dice.between(-jitter, jitter) };
    return { type, name, paints: [{ ...paint, lightness: Math.min(100, paint.lightness) }], ...rest };
  }
  const base: Paint = {
    hue: dice.between(0, 360),
    saturation: dice.between(0, dice.happens(0.4) ? 60 : 22),
    lightness: dice.happens(0.6) ? dice.between(74, 95) : dice.between(8, 70),
  };
  if (type === "plain") return { type, paints: [base], ...rest };
  const step = dice.between(8, type === "gradient" ? 26 : 16) * (base.lightness > 50 ? -1 : 1);
  const other = { ...shaded(base, step), hue: base.hue + dice.between(-25, 25) };
  return { type, paints: [base, other], ...rest };
}

/** SVG that fills a picture with a background; `definitions` belong into its `<defs>`. */
export function backgroundSvg(
  background: Background,
  width: number,
  height: number,
): { definitions: string; body: string } {
  const [first, second = first] = background.paints.map(cssOf) as [string, string?];
  const full = `width="${width}" height="${height}"`;
  const base = `<rect ${full} fill="${first}"/>`;
  if (background.type === "plain") return { definitions: "", body: base };
  if (background.type === "gradient") {
    const turn = `gradientTransform="rotate(${background.angle.toFixed(0)} .5 .5)"`;
    return {
      definitions: `<linearGradient id="ground" ${turn}><stop offset="0" stop-color="${first}"/>` +
        `<stop offset="1" stop-color="${second}"/></linearGradient>`,
      body: `<rect ${full} fill="url(#ground)"/>`,
    };
  }
  // Noise becomes the opacity of the second paint, so that no paint occurs that lies outside of the two.
  const isFine = background.type === "noise";
  const frequency = isFine ? background.frequency : background.frequency * 5 / Math.min(width, height);
  const [slope, offset] = isFine ? [2.2, -0.6] : [3.2, -1.1];
  const filter = `<filter id="grain" x="0" y="0" width="100%" height="100%">` +
    `<feTurbulence type="fractalNoise" baseFrequency="${frequency.toFixed(5)}" numOctaves="${
      isFine ? 2 : 1
    }" ` +
    `seed="${background.seed}"/>` +
    `<feColorMatrix type="matrix" values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ${slope} 0 0 0 ${offset}" result="mask"/>` +
    `<feComposite in="SourceGraphic" in2="mask" operator="in"/></filter>`;
  return {
    definitions: filter,
    body: `${base}<rect ${full} fill="${second}" filter="url(#grain)"/>`,
  };
}
