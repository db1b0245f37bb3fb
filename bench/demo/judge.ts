/**
 * Decides whether an answer says what the right one says. Content counts, wording does not: every name of the
 * demo model's world in the answer must be asked for or stand in the question, and what is asked for must be there.
 */
import {
  describedShapes,
  describedTexts,
  type MentionedShape,
  type Mentions,
  mentionsOf,
} from "./mentions.ts";

/** What kind of content the right answer has; each is compared in its own way. */
export type AnswerForm =
  | "name" // a shape, colour, size or position: "It is a star."
  | "count"
  | "absent" // "There is no star.", "There is nothing at the top."
  | "things" // "There is a blue heart and a red ring."
  | "yes or no"
  | "number"
  | "word"
  | "description"
  | "json"
  | "which picture"
  | "no picture"
  | "text"; // anything else, word by word

export interface Judgement {
  readonly isRight: boolean;
  /** The share of single facts that are right, from 0 to 1: less than 1 where anything is missing or invented. */
  readonly facts: number;
}

const nameParts = ["shapes", "colors", "sizes", "positions"] as const;

/** The form of a right answer, read off its grammar. */
export function formOf(expected: string): AnswerForm {
  const forms: readonly [AnswerForm, RegExp][] = [
    ["json", /^\s*\[/],
    ["yes or no", /^(Yes|No),/],
    ["no picture", /^I see no picture/],
    ["which picture", /^(The (first|second) picture|Both have)/],
    ["number", /^The numbers? (is|are) \d/],
    ["word", /^It says [A-Z]+\./],
    ["description", /^The (number|word) \w+ is |^The picture is empty/],
    ["description", /^There (is|are) .*\b(small|large)\b.*\b(at|on|in) the\b/],
    ["count", /^There (is|are) \d+ /],
    ["absent", /^There (is|are) (no|nothing)\b/],
    ["things", /^There (is|are) an? /],
    ["name", /^(It|The \w+( \w+)?) is /],
  ];
  return forms.find(([, pattern]) => pattern.test(expected))?.[0] ?? "text";
}

/**
 * Judges one answer.
 *
 * @param question names it may repeat without being wrong
 * @param expected the right answer, in the world's own form
 * @param answer what the model said
 */
export function judge(question: string, expected: string, answer: string): Judgement {
  if (answer.length > longestAnswer(expected)) return { isRight: false, facts: 0 };
  switch (formOf(expected)) {
    case "json":
      return allOrFacts(jsonFacts(expected) ?? [], jsonFacts(answer));
    case "description":
      return judgeDescription(expected, answer);
    case "things":
      return judgeThings(expected, answer);
    default: {
      const isRight = isRightSentence(question, expected, answer);
      return { isRight, facts: isRight ? 1 : 0 };
    }
  }
}

/** Beyond this an answer rambles, and the right words in it are there by accident. */
function longestAnswer(expected: string): number {
  return 3 * expected.length + 60;
}

function isRightSentence(question: string, expected: string, answer: string): boolean {
  const [asked, want, have] = [question, expected, answer].map(mentionsOf) as [Mentions, Mentions, Mentions];
  const keepsToTheQuestion = claimsNothingElse(asked, want, have);
  switch (formOf(expected)) {
    case "name":
      return keepsToTheQuestion && !have.isNegative && namesTheAnswer(expected, answer);
    case "count":
      return keepsToTheQuestion && !have.isNegative && sameList(have.numbers, want.numbers);
    case "absent":
      return keepsToTheQuestion && (have.isNegative || have.numbers.length > 0) &&
        have.numbers.every((digits) => digits === "0") && have.capitals.length === 0;
    case "yes or no":
      return firstWord(answer) === firstWord(expected) && keepsToTheQuestion &&
        keepsTheCorrection(want, have);
    case "number":
      return keepsToTheQuestion && !have.isNegative && sameList(have.numbers, want.numbers);
    case "word":
      return !have.isNegative && have.numbers.length === 0 && readWord(answer, want.capitals[0]!);
    case "which picture":
      return choiceOf(answer) === choiceOf(expected) && choiceOf(answer) !== "unclear";
    case "no picture":
      return have.isNegative && /\b(picture|image|photo)\b/i.test(answer) && keepsToTheQuestion;
    default:
      return plainWords(answer) === plainWords(expected);
  }
}

/** A name that neither the question nor the right answer has is a claim about the picture, and a wrong one. */
function claimsNothingElse(asked: Mentions, want: Mentions, have: Mentions): boolean {
  return nameParts.every((part) => {
    const allowed = new Set<string>([...asked[part], ...want[part]]);
    return have[part].every((name) => allowed.has(name));
  });
}

/** Compares what stands behind the last "is", the part that answers: "The red star is small" answers "small". */
function namesTheAnswer(expected: string, answer: string): boolean {
  const want = mentionsOf(predicateOf(expected));
  const have = mentionsOf(predicateOf(answer));
  const asked = nameParts.filter((part) => want[part].length > 0);
  if (asked.length === 0) return plainWords(answer) === plainWords(expected);
  return asked.every((part) => sameSet(want[part], have[part]));
}

function predicateOf(sentence: string): string {
  return sentence.split(/\b(?:is|has|are|it's)\b/i).at(-1)!;
}

/** "No, it is blue." may be shortened to "No.", but not turned into "No, it is green." */
function keepsTheCorrection(want: Mentions, have: Mentions): boolean {
  return nameParts.every((part) =>
    want[part].length === 0 || have[part].length === 0 ||
    want[part].every((name) => have[part].some((it) => it === name))
  );
}

function firstWord(text: string): string {
  return text.trim().match(/^[a-z]+/i)?.[0].toLowerCase() ?? "";
}

function readWord(answer: string, word: string): boolean {
  const capitals = mentionsOf(answer).capitals;
  if (capitals.length > 0) return sameList(capitals, [word]);
  return (answer.toLowerCase().match(/[a-z]+/g) ?? []).at(-1) === word.toLowerCase();
}

function choiceOf(text: string): "first" | "second" | "both" | "unclear" {
  const lower = text.toLowerCase();
  if (/\b(both|same|equal)\b/.test(lower)) return "both";
  const choices = (["first", "second"] as const).filter((word) => lower.includes(word));
  return choices.length === 1 ? choices[0]! : "unclear";
}

function plainWords(text: string): string {
  return (text.toLowerCase().match(/[a-z0-9]+/g) ?? []).join(" ");
}

function judgeThings(expected: string, answer: string): Judgement {
  const facts = (text: string) => describedShapes(text).map(factOf);
  return mentionsOf(answer).isNegative
    ? { isRight: false, facts: 0 }
    : allOrFacts(facts(expected), facts(answer));
}

function judgeDescription(expected: string, answer: string): Judgement {
  const isEmpty = (text: string) => mentionsOf(text).isNegative;
  const facts = (text: string) => [
    ...isEmpty(text) ? ["empty"] : [],
    ...describedShapes(text).map(factOf),
    ...describedTexts(text),
  ];
  const announced = answer.match(/\bthere are (\w+)/i)?.[1];
  const announcedCount = announced === undefined ? undefined : mentionsOf(announced).numbers[0];
  const judgement = allOrFacts(facts(expected), facts(answer));
  const isCountRight = announcedCount === undefined ||
    announcedCount === String(describedShapes(expected).length);
  return { isRight: judgement.isRight && isCountRight, facts: judgement.facts };
}

function factOf({ size, color, shape, position }: MentionedShape): string {
  return [size, color, shape, position].filter((part) => part !== undefined).join(" ");
}

/** The objects of a JSON list as facts in their order; undefined if the text is no such list. */
function jsonFacts(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text.trim());
    if (!Array.isArray(list)) return undefined;
    return list.map((item: unknown, index) => {
      const fields = Object.entries(item as Record<string, unknown>).toSorted(([a], [b]) => a < b ? -1 : 1);
      return `${index} ${JSON.stringify(fields)}`;
    });
  } catch {
    return undefined;
  }
}

/** Right if both have the same facts as often; else the share of the longer list that they have in common. */
function allOrFacts(want: readonly string[], have: readonly string[] | undefined): Judgement {
  if (have === undefined) return { isRight: false, facts: 0 };
  const left = [...have];
  const common = want.filter((fact) => {
    const index = left.indexOf(fact);
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  }).length;
  const longer = Math.max(want.length, have.length);
  return { isRight: common === longer, facts: longer === 0 ? 1 : common / longer };
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
