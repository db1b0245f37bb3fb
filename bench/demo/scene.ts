import { type Background, makeBackground } from "./background.ts";
import { Dice } from "./dice.ts";
import { Layout } from "./layout.ts";
import { difference, lightnessDifference, type Paint, paintOf } from "./paint.ts";
import { type Typeface, typefaces, widthOf } from "./typefaces.ts";
import {
  type Color,
  colors,
  type Contents,
  type Shape,
  shapes,
  type ShapeThing,
  type TextThing,
} from "./world.ts";

/** How all things of a picture are drawn, and how the picture is stored. */
export interface Style {
  readonly outline: "none" | "solid" | "dashed";
  readonly fill: "flat" | "gradient";
  readonly shadow: boolean;
  readonly corners: "sharp" | "round";
  readonly format: "png" | "jpeg" | "webp";
  readonly quality: number;
}

/** A thing with all that its drawing needs. */
export type Drawn<T> = T & { readonly paint: Paint; readonly outline: Paint; readonly degrees: number };

export interface Scene extends Contents {
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Drawn<ShapeThing>[];
  readonly texts: readonly Drawn<TextThing>[];
  readonly ground: Background;
  readonly style: Style;
}

const words =
  ("HOUSE RIVER APPLE BREAD CLOUD TABLE WATER GARDEN WINTER SUMMER MUSIC PAPER STONE LIGHT MARKET " +
    "OPEN EXIT STOP CAFE BOOK TREE FISH BIRD MOON SNOW RAIN WIND SAND MILK TEA SUN KEY BUS MAP BRIDGE CASTLE FOREST " +
    "ISLAND OCEAN PLANET QUEEN ROCKET SCHOOL TICKET VALLEY WINDOW YELLOW ZEBRA JUNGLE KITCHEN HOSPITAL MOUNTAIN")
    .split(" ");

/** What tells a thing from its background in Oklab: any difference for a shape, one of lightness for a text. */
const contrasts = {
  shape: { measure: difference, least: 0.2 },
  text: { measure: lightnessDifference, least: 0.25 },
} as const;
/** Texts are at least this high where the model looks, in pixels: a person could not read smaller ones either. */
const leastTextPixels = 14;

/** The scene of a seed: the same seed and index give the same scene. */
export function makeScene(seed: number, index: number): Scene {
  const dice = new Dice(seed, index);
  const { width, height } = pictureSize(dice);
  const layout = new Layout(width, height);
  const ground = makeBackground(dice);
  const texts = makeTexts(dice, layout, ground);
  const shapes = makeShapes(dice, layout, ground);
  return {
    width,
    height,
    ground,
    background: ground.name,
    shapes: shapes.toSorted((a, b) => a.cell - b.cell),
    texts: texts.toSorted((a, b) => a.cell - b.cell),
    emptyCells: layout.emptyCells(),
    style: makeStyle(dice, Math.min(width, height)),
  };
}

function pictureSize(dice: Dice): { width: number; height: number } {
  const aspects = {
    "1.333": 26,
    "1.5": 20,
    "1": 20,
    "0.75": 14,
    "0.667": 6,
    "1.778": 6,
    "0.5": 3,
    "2": 3,
    "3": 1,
    "0.333": 1,
  };
  const aspect = Number(dice.weighted(aspects));
  const longer = Math.exp(dice.between(Math.log(dice.happens(0.1) ? 150 : 320), Math.log(1600)));
  const [width, height] = aspect >= 1 ? [longer, longer / aspect] : [longer * aspect, longer];
  const scale = Math.max(1, 128 / Math.min(width, height));
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

function makeStyle(dice: Dice, shorter: number): Style {
  return {
    outline: dice.weighted({ none: 55, solid: 27, dashed: 18 }),
    fill: dice.weighted({ flat: 65, gradient: 35 }),
    shadow: dice.happens(0.3),
    corners: dice.weighted({ sharp: 60, round: 40 }),
    format: dice.weighted({ jpeg: 50, png: 30, webp: 20 }),
    quality: dice.integer(shorter < 300 ? 70 : 45, 95),
  };
}

/** A colour that stands out from the background, with a paint of its band. */
function visibleColor(
  dice: Dice,
  ground: Background,
  thing: keyof typeof contrasts,
): { color: Color; paint: Paint } {
  const { measure, least } = contrasts[thing];
  const clearance = (paint: Paint) => Math.min(...ground.paints.map((other) => measure(paint, other)));
  const candidates = dice.shuffled(colors).map((color) => ({ color, paint: paintOf(color, dice) }));
  // Few backgrounds leave no choice; then black or white is clearest.
  return candidates.find(({ paint }) => clearance(paint) >= least) ??
    candidates.toSorted((a, b) => clearance(b.paint) - clearance(a.paint))[0]!;
}

function outlineOf(dice: Dice, { hue, saturation, lightness }: Paint): Paint {
  const target = lightness > 70 || lightness < 25 ? 45 : dice.happens(0.5) ? 15 : 88;
  return { hue, saturation: saturation * 0.8, lightness: target };
}

function makeShapes(dice: Dice, layout: Layout, ground: Background): Drawn<ShapeThing>[] {
  const count = Number(dice.weighted({ "0": 4, "1": 18, "2": 22, "3": 24, "4": 20, "5": 12 }));
  const things: Drawn<ShapeThing>[] = [];
  for (let i = 0; i < count; i++) {
    const repeated = things.length > 0 && dice.happens(0.3);
    const shape: Shape = repeated ? dice.pick(things).shape : dice.pick(shapes);
    const { color, paint } = visibleColor(dice, ground, "shape");
    const size = dice.pick(["small", "large"] as const);
    const extent = layout.shorter * (size === "small" ? dice.between(0.12, 0.17) : dice.between(0.24, 0.32));
    const degrees = dice.between(-10, 10);
    const place = layout.place(dice, extent, extent);
    if (place === undefined) continue;
    const outline = outlineOf(dice, paint);
    const box = { width: extent, height: extent };
    things.push({ type: "shape", shape, color, size, ...place, ...box, paint, outline, degrees });
  }
  return things;
}

function makeTexts(dice: Dice, layout: Layout, ground: Background): Drawn<TextThing>[] {
  const numbers = Number(dice.weighted({ "0": 55, "1": 33, "2": 12 }));
  const types = [
    ...Array.from({ length: numbers }, () => "number" as const),
    ...dice.happens(0.2) ? ["word" as const] : [],
  ];
  const things: Drawn<TextThing>[] = [];
  for (const type of types) {
    const text = type === "word" ? dice.pick(words) : String(dice.integer(0, 10 ** dice.integer(1, 3) - 1));
    const { color, paint } = visibleColor(dice, ground, "text");
    const outline = outlineOf(dice, paint);
    const typeface = dice.pick(typefaces);
    const weight = dice.pick(typeface.weights);
    const wanted = layout.shorter *
      Math.exp(dice.between(Math.log(0.05), Math.log(type === "word" ? 0.17 : 0.32)));
    const place = placeText(dice, layout, text, typeface, wanted);
    if (place === undefined) continue;
    things.push({
      type,
      text,
      color,
      ...place,
      typeface: typeface.family,
      weight,
      paint,
      outline,
      degrees: 0,
    });
  }
  return things;
}

/** Places a text, smaller than wanted if it must be. */
function placeText(
  dice: Dice,
  layout: Layout,
  text: string,
  typeface: Typeface,
  wanted: number,
): { cell: number; x: number; y: number; width: number; height: number } | undefined {
  const least = layout.shorter * Math.max(0.05, leastTextPixels / layout.seen);
  for (let height = Math.max(wanted, least); height >= least; height *= 0.85) {
    const width = widthOf(text, typeface, height);
    const place = layout.place(dice, width, height);
    if (place !== undefined) return { ...place, width, height };
  }
  return undefined;
}
