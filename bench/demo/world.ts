/** The words of the demo model's world: what can stand in a picture, where, and how answers name it. */

export const shapes = ["circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring"] as const;
export const colors = [
  "red",
  "orange",
  "yellow",
  "green",
  "blue",
  "purple",
  "pink",
  "brown",
  "black",
  "white",
] as const;
export const sizes = ["small", "large"] as const;
/** The cells of the 3×3 grid in reading order: row by row, from the left. */
export const positions = [
  "at the top left",
  "at the top",
  "at the top right",
  "on the left",
  "in the center",
  "on the right",
  "at the bottom left",
  "at the bottom",
  "at the bottom right",
] as const;

export type Shape = typeof shapes[number];
export type Color = typeof colors[number];
export type Size = typeof sizes[number];
export type Position = typeof positions[number];

/** A shape in a picture. Centres and extents are in pixels; `cell` counts in reading order. */
export interface ShapeThing {
  readonly type: "shape";
  readonly shape: Shape;
  readonly color: Color;
  readonly size: Size;
  readonly cell: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A number or a word in a picture. `height` is that of its digits or capitals. */
export interface TextThing {
  readonly type: "number" | "word";
  readonly text: string;
  readonly color: Color;
  readonly cell: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly typeface: string;
  readonly weight: number;
}

/** Everything that a question can be about, in reading order. */
export interface Contents {
  readonly shapes: readonly ShapeThing[];
  readonly texts: readonly TextThing[];
  /** Cells that nothing reaches into. */
  readonly emptyCells: readonly number[];
  /** The name of a plain background; undefined for one without a name. */
  readonly background?: string;
}

export function pluralOf(shape: Shape): string {
  return shape === "cross" ? "crosses" : `${shape}s`;
}

/** `red star` → `a red star`, `orange star` → `an orange star`. */
export function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}

/** `a, b and c`. */
export function joined(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
