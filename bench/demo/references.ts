/** Ways to point at a thing in a picture without doubt, and how things stand to each other. */
import { nameOf } from "./sentences.ts";
import { type Color, type Contents, positions, type Shape, shapes, type ShapeThing } from "./world.ts";

/** A question and its answer; undefined where the picture allows no question of the kind. */
export type Asked = { readonly question: string; readonly answer: string } | undefined;

/** Ways to name one shape that no other thing in the picture could be meant by. */
function references(contents: Contents, thing: ShapeThing): string[] {
  const others = contents.shapes.filter((other) => other !== thing);
  const isOnlyShape = others.every((other) => other.shape !== thing.shape);
  const isOnlyPair = others.every((other) => other.shape !== thing.shape || other.color !== thing.color);
  return [
    ...isOnlyShape ? [`the ${thing.shape}`] : [],
    ...isOnlyPair ? [`the ${nameOf(thing)}`] : [],
    ...isOnlyColor(contents, thing.color) ? [`the ${thing.color} object`] : [],
    `the object ${positions[thing.cell]}`,
  ];
}

/** True if at most one shape has the colour and no number or word has it: "the red thing" would be unclear. */
export function isOnlyColor({ shapes: things, texts }: Contents, color: Color): boolean {
  return things.filter((thing) => thing.color === color).length < 2 &&
    texts.every((text) => text.color !== color);
}

/** References that do not say what is asked for. */
export function referencesWithout(contents: Contents, thing: ShapeThing, ...told: string[]): string[] {
  return references(contents, thing).filter((reference) => told.every((word) => !reference.includes(word)));
}

export function absentShapes({ shapes: things }: Contents): Shape[] {
  return shapes.filter((shape) => things.every((thing) => thing.shape !== shape));
}

/** Left and right compare columns, above and below compare rows. */
export const directions = {
  "left of": (a: ShapeThing, b: ShapeThing) => a.cell % 3 < b.cell % 3,
  "right of": (a: ShapeThing, b: ShapeThing) => a.cell % 3 > b.cell % 3,
  above: (a: ShapeThing, b: ShapeThing) => Math.floor(a.cell / 3) < Math.floor(b.cell / 3),
  below: (a: ShapeThing, b: ShapeThing) => Math.floor(a.cell / 3) > Math.floor(b.cell / 3),
} as const;

export const wordings: Readonly<Record<keyof typeof directions, readonly string[]>> = {
  "left of": ["left of", "to the left of"],
  "right of": ["right of", "to the right of"],
  above: ["above"],
  below: ["below", "under"],
};
