/** Conversations about scenes: single questions, follow-ups, several pictures, and none. */
import { Dice } from "./dice.ts";
import type { Conversation, Turn } from "./question_file.ts";
import { kinds } from "./questions.ts";
import type { Scene } from "./scene.ts";
import { descriptionOf, followUps, nameOf } from "./sentences.ts";
import { pluralOf, positions, shapes, withArticle } from "./world.ts";

type KindName = keyof typeof kinds;

/** Out of all single questions, how many are of each kind; kinds that have to be good are asked often. */
const shares: Readonly<Record<KindName, number>> = {
  shape: 11,
  color: 11,
  size: 7,
  position: 11,
  count: 14,
  relation: 7,
  yesno: 14,
  number: 12,
  word: 4,
  background: 3,
  describe: 5,
  json: 3,
};
const questionsPerScene = 3;

/** A scene and the file that its picture is in. */
export interface Pictured {
  readonly name: string;
  readonly scene: Scene;
}

/**
 * Asks about scenes, one after the other, until there are `count` questions.
 *
 * @param sceneAt makes the scene of an index
 */
export function makeConversations(
  seed: number,
  count: number,
  sceneAt: (index: number) => Pictured,
): { conversations: Conversation[]; pictured: Pictured[] } {
  const conversations: Conversation[] = [];
  const pictured: Pictured[] = [];
  const asked = new Map<string, number>();
  let left = count;
  while (left > 0) {
    const index = pictured.length;
    const current = sceneAt(index);
    // A stream apart from the scene's, so that a change of the questions leaves the pictures as they are.
    const dice = new Dice(seed, 2 ** 31 + index);
    const added = [
      ...singleQuestions(current, dice, asked),
      ...index % 6 === 5 ? followUpConversation(current, dice) : [],
      ...index % 4 === 2 ? pairConversation(partnerOf(current, pictured), current, dice) : [],
      ...index % 24 === 3 ? [withoutPicture(dice)] : [],
    ];
    for (const conversation of added) {
      if (left <= 0) break;
      const turns = conversation.turns.slice(0, left);
      const images = turns.reduce((sum, turn) => sum + turn.images, 0);
      conversations.push({ ...conversation, turns, pictures: conversation.pictures.slice(0, images), seed });
      left -= turns.length;
    }
    pictured.push(current);
  }
  return { conversations, pictured };
}

/** A few questions about one picture, each a conversation of its own; the kinds that are behind their share first. */
function singleQuestions({ name, scene }: Pictured, dice: Dice, asked: Map<string, number>): Conversation[] {
  const behind = (Object.keys(kinds) as KindName[]).toSorted((a, b) =>
    (asked.get(a) ?? 0) / shares[a] - (asked.get(b) ?? 0) / shares[b]
  );
  const conversations: Conversation[] = [];
  for (const kind of behind) {
    if (conversations.length === questionsPerScene) break;
    const answered = kinds[kind](scene, dice);
    if (answered === undefined) continue;
    asked.set(kind, (asked.get(kind) ?? 0) + 1);
    conversations.push({
      pictures: [name],
      turns: [{ images: 1, kind, ...varied(answered, dice) }],
      style: { ...styleOf(scene), ...kind === "number" || kind === "word" ? textStyleOf(scene) : {} },
    });
  }
  return conversations;
}

/** Other words that people use for the same. */
function varied<T extends { readonly question: string }>(asked: T, dice: Dice): T {
  const picture = dice.pick(["picture", "picture", "image", "photo"]);
  const color = dice.pick(["color", "color", "colour"]);
  const question = asked.question.replace(/\b(picture|image)\b/, picture).replace(/\bcolor\b/, color);
  return { ...asked, question };
}

/** What a first answer was about is "it" in the next questions. */
function followUpConversation({ name, scene }: Pictured, dice: Dice): Conversation[] {
  if (scene.shapes.length === 0) return [];
  const thing = dice.pick(scene.shapes);
  const place = positions[thing.cell];
  const openings = [
    {
      kind: "shape",
      question: `What is ${place}?`,
      answer: `It is ${withArticle(nameOf(thing))}.`,
      next: ["How big is it?"],
    },
    {
      kind: "color",
      question: `What color is the object ${place}?`,
      answer: `It is ${thing.color}.`,
      next: ["What shape is it?", "How big is it?"],
    },
    ...scene.shapes.filter((other) => other.shape === thing.shape).length > 1 ? [] : [{
      kind: "position",
      question: `Where is the ${thing.shape}?`,
      answer: `It is ${place}.`,
      next: ["What color is it?", "How big is it?"],
    }],
  ];
  const { next, ...opening } = dice.pick(openings);
  const answers = followUps(thing);
  const turns: Turn[] = [
    { images: 1, ...opening },
    ...dice.shuffled(next).map((question) => ({
      images: 0,
      question,
      answer: answers[question]!,
      kind: "followup",
    })),
  ];
  return [{ pictures: [name], turns, style: styleOf(scene) }];
}

/** Two pictures, in one message or one after the other. */
function pairConversation(first: Pictured, second: Pictured, dice: Dice): Conversation[] {
  const counts = [first, second].map(({ scene }) => scene.shapes.length) as [number, number];
  const turns = dice.happens(0.5)
    ? pairInOneMessage([first.scene, second.scene], counts, dice)
    : pairInTwoMessages([first.scene, second.scene], counts, dice);
  return [{ pictures: [first.name, second.name], turns, style: styleOf(second.scene) }];
}

/** The latest picture that has a number or word if this one has, so that half of the pairs hold nothing but shapes. */
function partnerOf({ scene }: Pictured, earlier: readonly Pictured[]): Pictured {
  const hasText = ({ texts }: Scene) => texts.length > 0;
  return earlier.findLast((other) => hasText(other.scene) === hasText(scene)) ?? earlier.at(-1)!;
}

type Pair<T> = readonly [first: T, second: T];

function pairInOneMessage(scenes: Pair<Scene>, counts: Pair<number>, dice: Dice): Turn[] {
  const which = dice.pick([0, 1] as const);
  const ordinal = ["first", "second"][which]!;
  const [scene, count] = [scenes[which], counts[which]];
  const shape = dice.pick(
    dice.happens(0.7) && scene.shapes.length > 0 ? scene.shapes.map((it) => it.shape) : shapes,
  );
  const inBoth = scenes.every((other) => other.shapes.some((thing) => thing.shape === shape));
  const number = scene.texts.find((text) => text.type === "number");
  const hasOneNumber = scene.texts.filter((text) => text.type === "number").length === 1;
  const { question, answer } = dice.pick([
    { question: `What is in the ${ordinal} picture?`, answer: descriptionOf(scene) },
    { question: `How many shapes are in the ${ordinal} picture?`, answer: countAnswer(count, "shape") },
    {
      question: `Is there ${withArticle(shape)} in both pictures?`,
      answer: inBoth ? "Yes, there is." : "No, there is not.",
    },
    ...hasOneNumber
      ? [{ question: `What number is in the ${ordinal} picture?`, answer: `The number is ${number!.text}.` }]
      : [],
    ...scenes.every(({ texts }) => texts.length === 0)
      ? [{ question: "Which picture has more objects?", answer: moreAnswer(counts) }]
      : [],
  ]);
  return [{ images: 2, question, answer, kind: "two_pictures" }];
}

function pairInTwoMessages(scenes: Pair<Scene>, counts: Pair<number>, dice: Dice): Turn[] {
  const hasText = scenes.some(({ texts }) => texts.length > 0);
  if (!hasText) {
    const question = "How many objects are there?";
    return [
      { images: 1, question, answer: countAnswer(counts[0], "object"), kind: "count" },
      { images: 1, question, answer: countAnswer(counts[1], "object"), kind: "newest_picture" },
      {
        images: 0,
        question: "Which picture has more objects, the first or the second?",
        answer: moreAnswer(counts),
        kind: "compare_pictures",
      },
    ];
  }
  const ask = (scene: Scene, kind: string): Turn => {
    const shape = dice.pick(scene.shapes.length > 0 ? scene.shapes.map((it) => it.shape) : shapes);
    const many = pluralOf(shape);
    const count = scene.shapes.filter((it) => it.shape === shape).length;
    const answer = count === 0 ? `There are no ${many}.` : countAnswer(count, shape, many);
    return { images: 1, question: `How many ${many} are there?`, answer, kind };
  };
  return [ask(scenes[0], "count"), ask(scenes[1], "newest_picture")];
}

function countAnswer(count: number, one: string, many = `${one}s`): string {
  if (count === 0) return `There are no ${many}.`;
  return count === 1 ? `There is 1 ${one}.` : `There are ${count} ${many}.`;
}

function moreAnswer([first, second]: Pair<number>): string {
  if (first === second) return "Both have the same number.";
  return first > second ? "The first picture." : "The second picture.";
}

/** A question about a picture that nobody has shown. */
function withoutPicture(dice: Dice): Conversation {
  const shape = dice.pick(shapes);
  const question = dice.pick([
    `What color is the ${shape}?`,
    `How many ${pluralOf(shape)} are there?`,
    "Describe the picture.",
    "What number is in the picture?",
    `Where is the ${shape}?`,
  ]);
  const answer = "I see no picture. Please show me one.";
  return { pictures: [], turns: [{ images: 0, question, answer, kind: "no_picture" }] };
}

/** What may make a picture hard, for the table of features. */
function styleOf({ style, ground, width, height }: Scene): Record<string, string> {
  const shorter = Math.min(width, height);
  return {
    background: ground.type,
    outline: style.outline,
    fill: style.fill,
    shadow: style.shadow ? "yes" : "no",
    corners: style.corners,
    format: style.format,
    "shorter side": shorter < 250 ? "< 250" : shorter < 600 ? "< 600" : "600 up",
  };
}

/** What may make a text hard to read, for questions about a picture's only one. */
function textStyleOf({ texts: [text, ...others], width, height }: Scene): Record<string, string> {
  if (text === undefined || others.length > 0) return {};
  const share = text.height / Math.min(width, height);
  return {
    typeface: text.typeface,
    "text height": share < 0.07 ? "4.5 to 7 %" : share < 0.12 ? "7 to 12 %" : "12 % up",
  };
}
