import type { Dice } from "./dice.ts";
import { absentShapes, type Asked, directions, referencesWithout, wordings } from "./references.ts";
import { nameOf } from "./sentences.ts";
import { colors, type Contents, pluralOf, type Shape, shapes, withArticle } from "./world.ts";

/** Yes and no are equally frequent in each of these, as far as the picture allows. */
export function askYesNo(contents: Contents, dice: Dice): Asked {
  const ask = dice.pick([askExists, askExists, askWhetherBeside, askAttribute, askMore]);
  return ask(contents, dice);
}

function askExists(contents: Contents, dice: Dice): Asked {
  const { shapes: things, texts } = contents;
  const isYes = dice.happens(0.5);
  const answer = isYes ? "Yes, there is." : "No, there is not.";
  if (isYes && things.length === 0) return undefined;
  const form = dice.pick(["pair", "pair", "plural", "color"] as const);
  if (form === "color") {
    const color = isYes
      ? dice.pick(things).color
      : dice.pick(colors.filter((name) => [...things, ...texts].every((thing) => thing.color !== name)));
    return { question: `Is there anything ${color}?`, answer };
  }
  if (form === "plural") {
    const shape = isYes ? dice.pick(things).shape : dice.pick(absentShapes(contents));
    return { question: `Can you see any ${pluralOf(shape)}?`, answer };
  }
  const exists = new Set(things.map(nameOf));
  // Half of the pairs that are absent share a word with what is there: naming either is not enough.
  const absent = shapes.flatMap((shape) => colors.map((color) => ({ shape, color })))
    .filter((pair) => !exists.has(nameOf(pair)));
  const near = absent.filter((pair) =>
    things.some((it) => it.shape === pair.shape || it.color === pair.color)
  );
  const pair = isYes ? dice.pick(things) : dice.pick(near.length > 0 && dice.happens(0.5) ? near : absent);
  const name = withArticle(nameOf(pair));
  return { question: dice.pick([`Is there ${name}?`, `Do you see ${name}?`]), answer };
}

function askWhetherBeside(contents: Contents, dice: Dice): Asked {
  const named = contents.shapes.flatMap((thing) => {
    const names = referencesWithout(contents, thing, "object");
    return names.length > 0 ? [{ thing, name: dice.pick(names) }] : [];
  });
  if (named.length < 2) return undefined;
  const [first, second] = dice.shuffled(named);
  const isYes = dice.happens(0.5);
  const fitting = (Object.keys(directions) as (keyof typeof directions)[]).filter((direction) =>
    directions[direction](first!.thing, second!.thing) === isYes
  );
  const direction = dice.pick(fitting);
  return {
    question: `Is ${first!.name} ${dice.pick(wordings[direction])} ${second!.name}?`,
    answer: isYes ? "Yes, it is." : "No, it is not.",
  };
}

function askAttribute(contents: Contents, dice: Dice): Asked {
  const isColor = dice.happens(0.6);
  const usable = contents.shapes.flatMap((thing) =>
    referencesWithout(contents, thing, ...isColor ? [thing.color] : []).map((name) => ({ thing, name }))
  );
  if (usable.length === 0) return undefined;
  const { thing, name } = dice.pick(usable);
  const truth = isColor ? thing.color : thing.size;
  const others: readonly string[] = isColor ? colors : ["small", "large"];
  const asked = dice.happens(0.5) ? truth : dice.pick(others.filter((word) => word !== truth));
  return {
    question: `Is ${name} ${asked}?`,
    answer: asked === truth ? "Yes, it is." : `No, it is ${truth}.`,
  };
}

function askMore({ shapes: things }: Contents, dice: Dice): Asked {
  const count = (shape: Shape) => things.filter((thing) => thing.shape === shape).length;
  const present = [...new Set(things.map((thing) => thing.shape))];
  if (present.length < 2) return undefined;
  const [first, second] = dice.shuffled(present);
  return {
    question: `Are there more ${pluralOf(first!)} than ${pluralOf(second!)}?`,
    answer: count(first!) > count(second!) ? "Yes, there are." : "No, there are not.",
  };
}
