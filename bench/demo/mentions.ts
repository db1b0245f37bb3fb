import {
  type Color,
  colors,
  pluralOf,
  type Position,
  positions,
  type Shape,
  shapes,
  type Size,
} from "./world.ts";

/** A shape as a sentence describes it; what the sentence leaves out is undefined. */
export interface MentionedShape {
  readonly size?: Size;
  readonly color?: Color;
  readonly shape: Shape;
  readonly position?: Position;
}

/** What a sentence names, whatever its grammar. */
export interface Mentions {
  readonly shapes: readonly Shape[];
  readonly colors: readonly string[];
  readonly sizes: readonly Size[];
  readonly positions: readonly Position[];
  /** Digits as they stand, and number words as digits. */
  readonly numbers: readonly string[];
  /** Words in capitals, two letters or more. */
  readonly capitals: readonly string[];
  readonly isNegative: boolean;
}

const numberWords = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
const otherNames: Readonly<Record<string, Shape>> = {
  disk: "circle",
  disc: "circle",
  rhombus: "diamond",
  plus: "cross",
};
const shapeOfWord = new Map<string, Shape>([
  ...shapes.flatMap((shape) => [[shape, shape], [pluralOf(shape), shape]] as [string, Shape][]),
  ...Object.entries(otherNames),
]);
/** Gray is no colour of a thing, but one of backgrounds; the rest no thing has, so naming one is a mistake. */
const colorWords = new Set<string>([
  ...colors,
  "gray",
  "violet",
  "cyan",
  "turquoise",
  "magenta",
  "gold",
  "silver",
  "beige",
]);
const sizeOfWord: Readonly<Record<string, Size>> = {
  small: "small",
  little: "small",
  tiny: "small",
  large: "large",
  big: "large",
};
const corner =
  /\b(?:(top|upper|bottom|lower)[ -](left|right)|(top|bottom|left|right|center|centre|middle))\b/g;
const negation = /\b(?:no|not|none|nothing|neither|empty)\b|n't\b/;

/** Finds every name of the demo model's world in a text, each once and in the order of its first use. */
export function mentionsOf(text: string): Mentions {
  const lower = quietText(text);
  const words = lower.match(/[a-z]+|\d+/g) ?? [];
  const named = <T>(name: (word: string) => T | undefined) => [
    ...new Set(words.map(name).filter((value): value is T & NonNullable<T> => value !== undefined)),
  ];
  return {
    shapes: named((word) => shapeOfWord.get(word)),
    colors: named((word) => colorWords.has(word) ? word : undefined),
    sizes: named((word) => sizeOfWord[word]),
    positions: [...new Set([...lower.matchAll(corner)].map(positionOf))],
    numbers: words.map(digitsOf).filter((digits) => digits !== undefined),
    capitals: text.match(/\b[A-Z]{2,}\b/g) ?? [],
    isNegative: negation.test(lower),
  };
}

/** Lower case, without the words in capitals: a picture may say RED or NONE, which names nothing. */
function quietText(text: string): string {
  return text.replaceAll(/\b[A-Z]{2,}\b/g, "").toLowerCase().replaceAll("grey", "gray");
}

function digitsOf(word: string): string | undefined {
  if (/^\d+$/.test(word)) return word;
  const value = numberWords.indexOf(word);
  return value < 0 ? undefined : String(value);
}

function positionOf([, row, column, single]: RegExpMatchArray): Position {
  const rowIndex = row === undefined ? ({ top: 0, bottom: 2 }[single!] ?? 1) : /top|upper/.test(row) ? 0 : 2;
  const columnIndex = { left: 0, right: 2 }[column ?? single!] ?? 1;
  return positions[rowIndex * 3 + columnIndex]!;
}

const described = new RegExp(
  `(?:\\b(${Object.keys(sizeOfWord).join("|")})\\s+)?(?:\\b(${colors.join("|")})\\s+)?\\b(${
    [...shapeOfWord.keys()].join("|")
  })\\b`,
  "g",
);

/** The shapes that a description lists, each with the position that stands behind it and before the next one. */
export function describedShapes(text: string): MentionedShape[] {
  const lower = quietText(text);
  const found = [...lower.matchAll(described)];
  return found.map((match, index) => {
    const end = found[index + 1]?.index ?? lower.length;
    const behind = lower.slice(match.index + match[0].length, end).split(/[.!?]/, 1)[0]!;
    return {
      size: match[1] === undefined ? undefined : sizeOfWord[match[1]],
      color: match[2] as Color | undefined,
      shape: shapeOfWord.get(match[3]!)!,
      position: mentionsOf(behind).positions[0],
    };
  });
}

/** The numbers and words that a description reads, in its order: `number 47 at the top`. */
export function describedTexts(text: string): string[] {
  return [...text.matchAll(/\b(number|word)\s+"?([0-9]+|[A-Z]+)\b([^.!?]*)/g)].map(([, type, value, rest]) =>
    `${type} ${value} ${mentionsOf(rest!).positions[0] ?? ""}`.trim()
  );
}
