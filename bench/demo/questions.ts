/** Questions about one picture, of each kind, with their right answers. */
import type { Dice } from "./dice.ts";
import {
  absentShapes,
  type Asked,
  directions,
  isOnlyColor,
  referencesWithout,
  wordings,
} from "./references.ts";
import { descriptionOf, jsonOf, nameOf } from "./sentences.ts";
import {
  colors,
  type Contents,
  joined,
  pluralOf,
  positions,
  shapes,
  type ShapeThing,
  withArticle,
} from "./world.ts";
import { askYesNo } from "./yesno_questions.ts";

/** A kind of question. It gets dice of its own for each question. */
type Kind = (contents: Contents, dice: Dice) => Asked;

/** How often a question is about something that is not there. */
const absentShare = 0.12;

export const kinds = {
  shape: askShape,
  color: askColor,
  size: askSize,
  position: askPosition,
  count: askCount,
  relation: askRelation,
  yesno: askYesNo,
  number: askNumber,
  word: askWord,
  background: askBackground,
  describe: (contents, dice) => ({ question: dice.pick(describeQuestions), answer: descriptionOf(contents) }),
  json: (contents, dice) =>
    contents.texts.length > 0 ? undefined : { question: dice.pick(jsonQuestions), answer: jsonOf(contents) },
} satisfies Record<string, Kind>;

const describeQuestions = [
  "Describe the picture.",
  "What do you see?",
  "What is in this image?",
  "Tell me what is in the picture.",
  "What does the picture show?",
];
const jsonQuestions = [
  "List the objects as JSON.",
  "Describe the picture in JSON.",
  "Answer in JSON: which objects are there?",
];

function askShape(contents: Contents, dice: Dice): Asked {
  const { shapes: things } = contents;
  if (dice.happens(absentShare)) return askAbsentShape(contents, dice);
  if (things.length === 0) return undefined;
  const thing = dice.pick(things);
  const place = positions[thing.cell];
  if (isOnlyColor(contents, thing.color) && dice.happens(0.6)) {
    const object = dice.pick(["object", "thing"]);
    const question = dice.pick([
      `What shape is the ${thing.color} ${object}?`,
      `Which shape is ${thing.color}?`,
    ]);
    return { question, answer: `It is a ${thing.shape}.` };
  }
  return dice.happens(0.5)
    ? { question: `What shape is ${place}?`, answer: `It is a ${thing.shape}.` }
    : { question: `What is ${place}?`, answer: `It is ${withArticle(nameOf(thing))}.` };
}

function askAbsentShape({ shapes: things, texts, emptyCells }: Contents, dice: Dice): Asked {
  const unused = colors.filter((color) => [...things, ...texts].every((thing) => thing.color !== color));
  if (dice.happens(0.5) && emptyCells.length > 0) {
    const place = positions[dice.pick(emptyCells)];
    return { question: `What is ${place}?`, answer: `There is nothing ${place}.` };
  }
  const color = dice.pick(unused);
  return { question: `What shape is the ${color} object?`, answer: `There is no ${color} object.` };
}

/** A question about a single shape that is not there, or about one that is. */
function askOf(
  contents: Contents,
  dice: Dice,
  phrases: readonly ((reference: string) => string)[],
  told: (thing: ShapeThing) => readonly string[],
  answerOf: (thing: ShapeThing, reference: string) => string,
): Asked {
  if (dice.happens(absentShare)) {
    const shape = dice.pick(absentShapes(contents));
    return { question: dice.pick(phrases)(`the ${shape}`), answer: `There is no ${shape}.` };
  }
  const usable = contents.shapes.flatMap((thing) => {
    const names = referencesWithout(contents, thing, ...told(thing));
    return names.length > 0 ? [{ thing, names }] : [];
  });
  if (usable.length === 0) return undefined;
  const { thing, names } = dice.pick(usable);
  const reference = dice.pick(names);
  return { question: dice.pick(phrases)(reference), answer: answerOf(thing, reference) };
}

function askColor(contents: Contents, dice: Dice): Asked {
  const phrases = [
    (reference: string) => `What color is ${reference}?`,
    (reference: string) => `What is the color of ${reference}?`,
    (reference: string) => `Which color does ${reference} have?`,
  ];
  return askOf(
    contents,
    dice,
    phrases,
    ({ color }) => [color],
    ({ color }, reference) =>
      reference.startsWith("the object") ? `It is ${color}.` : `The ${reference.slice(4)} is ${color}.`,
  );
}

function askSize(contents: Contents, dice: Dice): Asked {
  const phrases = [
    (reference: string) => `How big is ${reference}?`,
    (reference: string) => `Is ${reference} small or large?`,
    (reference: string) => `What size is ${reference}?`,
  ];
  return askOf(contents, dice, phrases, () => [], ({ size }) => `It is ${size}.`);
}

function askPosition(contents: Contents, dice: Dice): Asked {
  const phrases = [
    (reference: string) => `Where is ${reference}?`,
    (reference: string) => `In which part of the picture is ${reference}?`,
    (reference: string) => `Where do you see ${reference}?`,
  ];
  return askOf(
    contents,
    dice,
    phrases,
    ({ cell }) => [positions[cell]!],
    ({ cell }) => `It is ${positions[cell]}.`,
  );
}

function askCount({ shapes: things, texts }: Contents, dice: Dice): Asked {
  const subjects: { one: string; many: string; count: number }[] = [];
  const add = (one: string, many: string, count: number) => subjects.push({ one, many, count });
  // Each question by shape is about one that is there more often than one that is not.
  for (const shape of new Set(things.map((thing) => thing.shape))) {
    add(shape, pluralOf(shape), things.filter((thing) => thing.shape === shape).length);
  }
  for (const color of new Set(things.map((thing) => thing.color))) {
    if (texts.some((text) => text.color === color)) continue;
    add(`${color} object`, `${color} objects`, things.filter((thing) => thing.color === color).length);
  }
  const absent = dice.pick(shapes.filter((shape) => things.every((thing) => thing.shape !== shape)));
  if (dice.happens(0.4)) add(absent, pluralOf(absent), 0);
  // Larger counts are rare by shape and colour, so all things are asked for as often as one of those.
  const total = texts.length === 0 ? ["shape", "object"] : ["shape"];
  const chosen = dice.happens(0.45) || subjects.length === 0
    ? dice.pick(total.map((word) => ({ one: word, many: `${word}s`, count: things.length })))
    : dice.pick(subjects);
  const { one, many, count } = chosen;
  const question = dice.pick([
    `How many ${many} are there?`,
    `Count the ${many}.`,
    `How many ${many} do you see?`,
  ]);
  if (count === 0) return { question, answer: `There are no ${many}.` };
  return { question, answer: count === 1 ? `There is 1 ${one}.` : `There are ${count} ${many}.` };
}

function askRelation(contents: Contents, dice: Dice): Asked {
  const { shapes: things, texts } = contents;
  // Whether a number counts as being left of a star is not said, so such pictures are not asked about.
  if (texts.length > 0 || things.length < 2) return undefined;
  const usable = things.flatMap((thing) => {
    const names = referencesWithout(contents, thing, "object at", "object on", "object in");
    return names.map((name) => ({ thing, name }));
  });
  if (usable.length === 0) return undefined;
  const { thing, name } = dice.pick(usable);
  const answers = (Object.keys(directions) as (keyof typeof directions)[]).map((direction) => ({
    direction,
    found: things.filter((other) => directions[direction](other, thing)),
  })).filter(({ found }) => found.length <= 2);
  const filled = answers.filter(({ found }) => found.length > 0);
  const { direction, found } = dice.pick(filled.length > 0 && dice.happens(0.8) ? filled : answers);
  const wording = dice.pick(wordings[direction]);
  return {
    question: dice.pick([`What is ${wording} ${name}?`, `What do you see ${wording} ${name}?`]),
    answer: found.length === 0
      ? "There is nothing."
      : `There is ${joined(found.map((other) => withArticle(nameOf(other))))}.`,
  };
}

function askNumber({ texts }: Contents, dice: Dice): Asked {
  const numbers = texts.filter((text) => text.type === "number");
  const [first, second] = numbers;
  if (first === undefined) {
    return dice.happens(absentShare)
      ? {
        question: dice.pick(["What number is in the picture?", "Which number do you see?"]),
        answer: "There is no number.",
      }
      : undefined;
  }
  if (second === undefined) {
    const question = dice.pick([
      "What number is in the picture?",
      "Which number do you see?",
      "Read the number.",
      "What number is it?",
    ]);
    return { question, answer: `The number is ${first.text}.` };
  }
  if (dice.happens(0.4)) {
    return {
      question: "What numbers do you see?",
      answer: `The numbers are ${first.text} and ${second.text}.`,
    };
  }
  const asked = dice.pick([first, second]);
  return { question: `Which number is ${positions[asked.cell]}?`, answer: `The number is ${asked.text}.` };
}

function askWord({ texts }: Contents, dice: Dice): Asked {
  const word = texts.find((text) => text.type === "word");
  if (word === undefined) {
    return dice.happens(0.04) && texts.length === 0
      ? { question: dice.pick(["What does the text say?", "Read the word."]), answer: "There is no text." }
      : undefined;
  }
  const question = dice.pick([
    "What word is in the picture?",
    "What does the text say?",
    "Read the word.",
    "What is written here?",
  ]);
  return { question, answer: `It says ${word.text}.` };
}

function askBackground({ background }: Contents): Asked {
  return background === undefined
    ? undefined
    : { question: "What color is the background?", answer: `The background is ${background}.` };
}
