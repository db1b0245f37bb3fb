import { describe, expect, test } from "bun:test";
import { blankPictures, ownPictures, shuffledPictures } from "../../bench/demo/controls.ts";
import { interview } from "../../bench/demo/interview.ts";
import { type Conversation, formatConversations, readConversations } from "../../bench/demo/question_file.ts";
import { rowsOf, tableOf } from "../../bench/demo/report.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { picturePath } from "../support/executable.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const pictures = ["gray.png", "s_24x20.png", "lossy.webp", "flower_small.jpg"];
const imageFolder = picturePath("");

function asking(picture: string, kind: string, question: string, answer: string): Conversation {
  return { pictures: [picture], turns: [{ images: 1, kind, question, answer }] };
}

const conversations: Conversation[] = [
  asking(pictures[0]!, "color", "What color is the star?", "The star is red."),
  asking(pictures[1]!, "color", "What color is the ring?", "The ring is red."),
  asking(pictures[2]!, "color", "What color is the object on the left?", "It is blue."),
  asking(pictures[3]!, "count", "How many stars are there?", "There are 5 stars."),
  {
    pictures: [pictures[0]!, pictures[1]!],
    turns: [
      { images: 1, kind: "count", question: "How many stars are there?", answer: "There is 1 star." },
      {
        images: 1,
        kind: "newest_picture",
        question: "How many stars are there?",
        answer: "There are no stars.",
      },
    ],
  },
];
const quietly = () => {};

describe("interview()", () => {
  test("shows pictures with their turn and keeps the model's own answers", async () => {
    const seen: string[] = [];
    const say = (messages: readonly { role: string; content: unknown }[]) => {
      seen.push(
        messages.map(({ role, content }) =>
          role === "assistant"
            ? String(content)
            : (content as { type: string }[]).map(({ type }) => type).join("+")
        ).join(" / "),
      );
      return Promise.resolve({ text: `There are ${messages.length} stars.` });
    };
    const answers = await interview(conversations, ownPictures(conversations, imageFolder), say, quietly);
    expect(seen).toContain("image_url+text / There are 1 stars. / image_url+text");
    expect(answers.map(({ isRight }) => isRight)).toEqual([false, false, false, false, true, false]);
  });

  test("finds every right answer right", async () => {
    const turns = conversations.flatMap((conversation) => conversation.turns);
    const say = (messages: readonly { content: unknown }[]) => {
      const asked = (messages.at(-1)!.content as { text?: string }[]).at(-1)!.text;
      return Promise.resolve({ text: turns.find(({ question }) => question === asked)!.answer });
    };
    const colors = conversations.slice(0, 3);
    const [row] = rowsOf(await interview(colors, ownPictures(colors, imageFolder), say, quietly));
    expect(row).toMatchObject({ kind: "color", count: 3, accuracy: 1 });
    expect(row!.chance).toBeCloseTo(2 / 3);
  });
});

describe("tableOf()", () => {
  test("has a row for each kind, one for counts above four, and a column for each control", async () => {
    const say = () => Promise.resolve({ text: "It is blue." });
    const answers = await interview(conversations, ownPictures(conversations, imageFolder), say, quietly);
    const table = tableOf([{ name: "second", answers, controls: { blank: answers } }]);
    const cells = table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()).slice(1, -1));
    expect(cells[0]).toEqual(["kind", "questions", "second", "blank", "chance"]);
    expect(cells.slice(2)).toEqual([
      ["color", "3", "33.3 %", "33.3 %", "66.7 %"],
      ["count up to 4", "1", "0.0 %", "0.0 %", "100.0 %"],
      ["count above 4", "1", "0.0 %", "0.0 %", "100.0 %"],
      ["newest_picture", "1", "0.0 %", "0.0 %", "100.0 %"],
      ["all", "6", "16.7 %", "16.7 %", "83.3 %"],
    ]);
  });
});

describe("controls", () => {
  test("shuffledPictures() shows as many pictures, and none of the conversation's own", () => {
    const own = ownPictures(conversations, imageFolder);
    shuffledPictures(conversations, imageFolder).forEach((shown, index) => {
      expect(shown.length).toBe(own[index]!.length);
      expect(new Set(shown).size).toBe(shown.length);
      expect(shown.filter((path) => own[index]!.includes(path))).toEqual([]);
    });
    expect(() => shuffledPictures(conversations.slice(0, 1), imageFolder)).toThrow("ask more questions");
  });

  test("blankPictures() gives gray pictures of the same sizes", async () => {
    const [[blank]] = await blankPictures(conversations.slice(3, 4), imageFolder) as [[Uint8Array]];
    const flower = await decodeImage(await Bun.file(picturePath(pictures[3]!)).bytes());
    const { width, height, data } = await decodeImage(blank);
    expect([width, height]).toEqual([flower.width, flower.height]);
    expect(new Set(data)).toEqual(new Set([128]));
  });
});

describe("readConversations()", () => {
  test("reads what was written, and names the line of a fault", () => {
    using folder = new TemporaryFolder();
    expect(() => readConversations(folder.path)).toThrow("questions.jsonl");
    folder.write("a.png", "");
    const good = asking("a.png", "color", "What color is it?", "It is red.");
    folder.write("questions.jsonl", formatConversations([good, good]));
    expect(readConversations(folder.path)).toEqual([good, good]);
    const faults: [Conversation, string][] = [
      [asking("b.png", "color", "?", "!"), "line 2: picture b.png is missing"],
      [{ pictures: [], turns: [] }, "line 2: needs pictures and turns"],
      [{ ...good, pictures: [] }, "line 2: has 0 pictures, its turns show 1"],
      [{ pictures: [], turns: [{ ...good.turns[0]!, images: 0.5 }] }, "line 2: a turn needs images"],
    ];
    for (const [fault, message] of faults) {
      folder.write("questions.jsonl", formatConversations([good, fault]));
      expect(() => readConversations(folder.path)).toThrow(message);
    }
  });
});
