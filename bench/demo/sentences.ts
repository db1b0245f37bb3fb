import {
  type Color,
  type Contents,
  joined,
  positions,
  type Shape,
  type ShapeThing,
  withArticle,
} from "./world.ts";

/** `red star`. */
export function nameOf({ color, shape }: { readonly color: Color; readonly shape: Shape }): string {
  return `${color} ${shape}`;
}

/** The whole picture in words: shapes first, then numbers and words, each in reading order. */
export function descriptionOf({ shapes, texts }: Contents): string {
  const things = shapes.map((thing) => `a ${thing.size} ${nameOf(thing)} ${positions[thing.cell]}`);
  const sentences = [
    ...things.length === 1 ? [`There is ${things[0]}.`] : [],
    ...things.length > 1 ? [`There are ${things.length} objects: ${joined(things)}.`] : [],
    ...texts.map(({ type, text, cell }) => `The ${type} ${text} is ${positions[cell]}.`),
  ];
  return sentences.length === 0 ? "The picture is empty." : sentences.join(" ");
}

/** The shapes as the list of objects that a program would read. */
export function jsonOf({ shapes }: Contents): string {
  const fields = ({ shape, color, size }: ShapeThing) =>
    `{"shape": "${shape}", "color": "${color}", "size": "${size}"}`;
  return `[${shapes.map(fields).join(", ")}]`;
}

/** Answer forms of questions that refer to the last answer's thing. */
export function followUps(thing: ShapeThing): Readonly<Record<string, string>> {
  return {
    "What color is it?": `It is ${thing.color}.`,
    "How big is it?": `It is ${thing.size}.`,
    "Where is it?": `It is ${positions[thing.cell]}.`,
    "What shape is it?": `It is ${withArticle(thing.shape)}.`,
  };
}
