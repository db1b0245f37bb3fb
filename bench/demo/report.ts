import type { Answered } from "./interview.ts";
import { formOf } from "./judge.ts";
import { mentionsOf } from "./mentions.ts";
import type { Turn } from "./question_file.ts";

/** One kind of question in one run. */
export interface Row {
  readonly kind: string;
  readonly count: number;
  /** Share of right answers, from 0 to 1. */
  readonly accuracy: number;
  /** Share of right facts: more than the accuracy where answers hold several. */
  readonly facts: number;
  /** Accuracy of the best answer that is always the same. */
  readonly chance: number;
}

/** All runs over one set of questions. */
export interface Judged {
  /** Where the pictures come from: `training` or `second`. */
  readonly name: string;
  readonly answers: readonly Answered[];
  /** The same questions put to pictures that show nothing of what is asked: `shuffled`, `blank`. */
  readonly controls: Readonly<Record<string, readonly Answered[]>>;
}

const order = [
  "shape",
  "color",
  "size",
  "position",
  "count up to 4",
  "count above 4",
  "relation",
  "yesno",
  "number",
  "word",
  "background",
  "describe",
  "json",
  "followup",
  "newest_picture",
  "compare_pictures",
  "two_pictures",
  "no_picture",
];

/** The row that a question counts for. Counting to four and beyond are tasks of their own. */
export function rowOf({ kind, answer }: Turn): string {
  if (kind !== "count") return kind;
  const count = formOf(answer) === "count" ? Number(mentionsOf(answer).numbers[0]) : 0;
  return count > 4 ? "count above 4" : "count up to 4";
}

/** Accuracy by kind of question, in the order of the table. */
export function rowsOf(answers: readonly Answered[]): Row[] {
  const groups = Map.groupBy(answers, ({ turn }) => rowOf(turn));
  const kinds = [...groups.keys()].toSorted(byPlace);
  return [
    ...kinds.map((kind) => rowFor(kind, groups.get(kind)!)),
    ...answers.length > 0 ? [rowFor("all", answers)] : [],
  ];
}

/** The order of the table; kinds that it does not know come last, by name. */
function byPlace(a: string, b: string): number {
  const place = (kind: string) => order.includes(kind) ? order.indexOf(kind) : order.length;
  return place(a) - place(b) || (a < b ? -1 : 1);
}

function rowFor(kind: string, answers: readonly Answered[]): Row {
  return {
    kind,
    count: answers.length,
    accuracy: mean(answers.map(({ isRight }) => isRight ? 1 : 0)),
    facts: mean(answers.map(({ facts }) => facts)),
    chance: kind === "all" ? chanceOfAll(answers) : chanceOf(answers),
  };
}

/** The share of the most frequent right answer: what always saying the same would reach. */
function chanceOf(answers: readonly Answered[]): number {
  const groups = Map.groupBy(answers, ({ turn }) => contentKey(turn.answer));
  return Math.max(...[...groups.values()].map((group) => group.length)) / answers.length;
}

/** Knowing the kind of a question takes no look at the picture, so each kind has a constant answer of its own. */
function chanceOfAll(answers: readonly Answered[]): number {
  const groups = [...Map.groupBy(answers, ({ turn }) => rowOf(turn)).values()];
  return groups.reduce((sum, group) => sum + chanceOf(group) * group.length, 0) / answers.length;
}

/** What an answer says beyond repeating its question: all of "There is no star." and "There is no ring." is "absent". */
function contentKey(answer: string): string {
  const form = formOf(answer);
  const { numbers, colors, sizes, positions, shapes } = mentionsOf(answer);
  switch (form) {
    case "absent":
    case "no picture":
      return form;
    case "count":
      return `count ${numbers.join(" ")}`;
    case "yes or no":
      return answer.slice(0, 2);
    case "name":
      return /^The \w+ is/.test(answer)
        ? colors.join(" ")
        : [...shapes, ...colors, ...sizes, ...positions].join(" ");
    default:
      return answer;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The table in Markdown: a row for each kind of question; accuracy, that of the controls, and chance. */
export function tableOf(sources: readonly Judged[]): string {
  const columns = sources.flatMap(columnsOf);
  const kinds = [...new Set(columns.flatMap(({ cells }) => [...cells.keys()]))].filter((kind) =>
    kind !== "all"
  );
  const sorted = kinds.toSorted(byPlace);
  return aligned([
    ["kind", ...columns.map(({ title }) => title)],
    ...[...sorted, "all"].map((kind) => [kind, ...columns.map(({ cells }) => cells.get(kind) ?? "")]),
  ]);
}

function columnsOf({ name, answers, controls }: Judged): { title: string; cells: Map<string, string> }[] {
  const rows = rowsOf(answers);
  const column = (title: string, from: readonly Row[], cell: (row: Row) => string) => ({
    title,
    cells: new Map(from.map((row) => [row.kind, cell(row)])),
  });
  return [
    column("questions", rows, ({ count }) => String(count)),
    column(
      name,
      rows,
      ({ accuracy, facts }) => percent(accuracy) + (facts > accuracy ? ` (facts ${percent(facts)})` : ""),
    ),
    ...Object.entries(controls).map(([title, control]) =>
      column(title, rowsOf(control), ({ accuracy }) => percent(accuracy))
    ),
    column("chance", rows, ({ chance }) => percent(chance)),
  ];
}

/** Accuracy by each feature of the drawing, hardest first within a feature: what a style costs. */
export function featureTable(answers: readonly Answered[]): string {
  const seen = answers.flatMap((answer) =>
    Object.entries(answer.conversation.style ?? {}).map(([feature, value]) => ({ feature, value, answer }))
  );
  const rows = [...Map.groupBy(seen, ({ feature, value }) => `${feature}: ${value}`)].map((
    [label, group],
  ) => ({
    label,
    feature: group[0]!.feature,
    count: group.length,
    accuracy: mean(group.map(({ answer }) => answer.isRight ? 1 : 0)),
  }));
  const sorted = rows.toSorted((a, b) => a.feature.localeCompare(b.feature) || a.accuracy - b.accuracy);
  return aligned([
    ["drawn with", "questions", "right"],
    ...sorted.map(({ label, count, accuracy }) => [label, String(count), percent(accuracy)]),
  ]);
}

/** Wrong answers, a few of each kind, to see what goes wrong. */
export function mistakesOf(answers: readonly Answered[], perKind: number): string {
  const groups = Map.groupBy(answers.filter(({ isRight }) => !isRight), ({ turn }) => rowOf(turn));
  return [...groups].flatMap(([kind, group]) => group.slice(0, perKind).map((wrong) => mistake(kind, wrong)))
    .join("\n");
}

function mistake(kind: string, { turn, said, conversation }: Answered): string {
  const pictures = conversation.pictures.join(" ") || "no picture";
  // A model that does not know when to stop must not fill the screen.
  const saidShort = said.length > 200 ? `${said.slice(0, 200)}…` : said;
  return `${kind} · ${pictures} · ${turn.question}\n  right: ${turn.answer}\n  said:  ${
    JSON.stringify(saidShort)
  }`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A Markdown table with columns of equal width. */
function aligned([header, ...rows]: readonly (readonly string[])[]): string {
  const widths = header!.map((_, column) =>
    Math.max(...[header!, ...rows].map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(header!), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
