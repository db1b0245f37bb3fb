import { describe, expect, test } from "bun:test";
import { makeConversations } from "../../bench/demo/conversations.ts";
import { judge } from "../../bench/demo/judge.ts";
import { difference, lightnessDifference } from "../../bench/demo/paint.ts";
import { makeScene, type Scene } from "../../bench/demo/scene.ts";
import type { Conversation } from "../../bench/demo/question_file.ts";

const scenes = Array.from({ length: 300 }, (_, index) => makeScene(11, index));
const thingsOf = ({ shapes, texts }: Scene) => [...shapes, ...texts];

describe("makeScene()", () => {
  test("gives the same scene for the same seed, and another one for another", () => {
    expect(makeScene(11, 5)).toEqual(scenes[5]!);
    expect(makeScene(12, 5)).not.toEqual(scenes[5]!);
  });

  test("puts each thing alone into a cell, in reading order, its centre in the middle 60 %", () => {
    for (const scene of scenes) {
      const things = thingsOf(scene);
      expect(new Set(things.map(({ cell }) => cell)).size).toBe(things.length);
      for (const list of [scene.shapes, scene.texts]) {
        const cells = list.map(({ cell }) => cell);
        expect(cells).toEqual(cells.toSorted((a, b) => a - b));
      }
      for (const { cell, x, y } of things) {
        expect(Math.abs(x / scene.width * 3 - (cell % 3) - 0.5)).toBeLessThanOrEqual(0.3);
        expect(Math.abs(y / scene.height * 3 - Math.floor(cell / 3) - 0.5)).toBeLessThanOrEqual(0.3);
      }
    }
  });

  test("keeps things apart and inside the picture", () => {
    for (const scene of scenes) {
      const things = thingsOf(scene);
      for (const [index, a] of things.entries()) {
        expect(a.x - a.width / 2).toBeGreaterThan(0);
        expect(a.x + a.width / 2).toBeLessThan(scene.width);
        expect(a.y - a.height / 2).toBeGreaterThan(0);
        expect(a.y + a.height / 2).toBeLessThan(scene.height);
        for (const b of things.slice(index + 1)) {
          const isApart = Math.abs(a.x - b.x) > (a.width + b.width) / 2 ||
            Math.abs(a.y - b.y) > (a.height + b.height) / 2;
          expect(isApart).toBe(true);
        }
      }
    }
  });

  test("draws small and large things so that nobody mixes them up", () => {
    const shares = scenes.flatMap(({ width, height, shapes }) =>
      shapes.map((thing) => ({ size: thing.size, share: thing.width / Math.min(width, height) }))
    );
    for (const { size, share } of shares) {
      expect(share).toBeGreaterThanOrEqual(size === "small" ? 0.12 : 0.24);
      expect(share).toBeLessThanOrEqual(size === "small" ? 0.17 : 0.32);
    }
    expect(new Set(shares.map(({ size }) => size))).toEqual(new Set(["small", "large"]));
  });

  test("gives things paints that stand out from the background, texts by their lightness", () => {
    for (const { ground, shapes, texts } of scenes) {
      for (const other of ground.paints) {
        for (const { paint } of shapes) expect(difference(paint, other)).toBeGreaterThanOrEqual(0.2);
        for (const { paint } of texts) expect(lightnessDifference(paint, other)).toBeGreaterThanOrEqual(0.25);
      }
    }
  });
});

describe("makeConversations()", () => {
  const sceneAt = (index: number) => ({ name: String(index), scene: makeScene(11, index) });
  const { conversations } = makeConversations(11, 1500, sceneAt);
  const turns = conversations.flatMap((conversation) =>
    conversation.turns.map((turn) => ({ conversation, turn }))
  );
  /** The scene of a question about one picture. */
  const sceneOf = ({ pictures }: Conversation) => makeScene(11, Number(pictures[0]));

  test("asks as many questions as wanted, each with an answer that the judge takes for right", () => {
    expect(turns.length).toBe(1500);
    const misjudged = turns.filter(({ turn }) => !judge(turn.question, turn.answer, turn.answer).isRight);
    expect(misjudged).toEqual([]);
  });

  test("says of each shape in a description where it is, what color and how big", () => {
    const described = turns.filter(({ turn }) => turn.kind === "describe");
    expect(described.length).toBeGreaterThan(20);
    for (const { conversation, turn } of described) {
      const scene = sceneOf(conversation);
      for (const { color, shape, size } of scene.shapes) {
        expect(turn.answer).toContain(`a ${size} ${color} ${shape} `);
      }
      for (const { type, text } of scene.texts) expect(turn.answer).toContain(`The ${type} ${text} is `);
    }
  });

  test("counts what the picture holds", () => {
    const counted = turns.filter(({ turn, conversation }) =>
      turn.kind === "count" && /\b(shapes|objects)\b/.test(turn.question) &&
      conversation.pictures.length === 1
    ).filter(({ turn }) =>
      !/(red|orange|yellow|green|blue|purple|pink|brown|black|white) objects/.test(turn.question)
    );
    expect(counted.length).toBeGreaterThan(20);
    for (const { conversation, turn } of counted) {
      const count = sceneOf(conversation).shapes.length;
      expect(turn.answer).toContain(count === 0 ? "There are no " : ` ${count} `);
    }
  });

  test("asks yes and no about equally often", () => {
    const answers = turns.filter(({ turn }) => turn.kind === "yesno").map(({ turn }) =>
      turn.answer.startsWith("Yes")
    );
    const share = answers.filter(Boolean).length / answers.length;
    expect(share).toBeGreaterThan(0.38);
    expect(share).toBeLessThan(0.62);
  });

  test("shows each picture once in a conversation", () => {
    for (const { pictures, turns } of conversations) {
      expect(turns.reduce((sum, { images }) => sum + images, 0)).toBe(pictures.length);
    }
  });
});
