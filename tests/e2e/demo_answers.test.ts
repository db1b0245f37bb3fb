/** The model inside the executable is right about pictures that training never saw. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownPictures, shuffledPictures } from "../../bench/demo/controls.ts";
import { type Answered, interview } from "../../bench/demo/interview.ts";
import { readConversations } from "../../bench/demo/question_file.ts";
import { ask } from "../../bench/demo/server.ts";
import { emptyDirectory, runExecutable, type ServedModel, serveModel } from "../support/executable.ts";
import { repositoryRoot } from "../support/repository.ts";

const folder = join(repositoryRoot, "tests/demo");
const conversations = readConversations(folder);
const example = (name: string) => join(repositoryRoot, "examples", name);

/** One line for each wrong answer, for whoever reads the failure. */
function wrongAnswers(answered: readonly Answered[]): string[] {
  return answered.filter(({ isRight }) => !isRight).map(({ conversation, turn, said }) =>
    `${conversation.pictures.join(" ")}: ${turn.question} → ${said} (right: ${turn.answer})`
  );
}

describe("llamav serve, without a model", () => {
  let server: ServedModel;
  beforeAll(async () => {
    server = await serveModel();
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  /** Asks all questions in the test folder; what the pictures show is right, or that of other pictures. */
  const interviewed = (shown: ReturnType<typeof ownPictures>) =>
    interview(conversations, shown, (messages) => ask(server.url, messages), () => {});

  test("answers six of seven questions about pictures of unseen seeds", async () => {
    const answered = await interviewed(ownPictures(conversations, folder));
    expect(answered.length).toBeGreaterThanOrEqual(30);
    const wrong = wrongAnswers(answered);
    // Which ones is the model's affair, and measured by bench/demo_accuracy.ts; this many is the program's.
    expect({ wrong, few: wrong.length <= answered.length / 7 }).toEqual({ wrong, few: true });
  }, 120_000);

  test("does not when each question is put to another picture", async () => {
    const answered = await interviewed(shuffledPictures(conversations, folder));
    const seen = answered.filter(({ conversation }) => conversation.pictures.length > 0);
    expect(wrongAnswers(seen).length).toBeGreaterThan(seen.length / 3);
  }, 120_000);
});

describe("llamav run, without a model", () => {
  const answerTo = async (...args: string[]) => {
    const { code, stdout, stderr } = await runExecutable([
      "run",
      "--temp",
      "0",
      "--max-tokens",
      "60",
      ...args,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("built-in demo model") });
    return stdout.trim();
  };

  test("counts what is in the picture of the README, and says on one line which model did", async () => {
    const { code, stdout, stderr } = await runExecutable([
      "run",
      "How many stars are there?",
      "--image",
      example("scene.png"),
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "There are 2 stars.\n" });
    expect(stderr).toMatch(/^note: .*built-in demo model.*\n$/);
  });

  test("reads a number on a noisy ground", async () => {
    expect(await answerTo("What number is in the picture?", "--image", example("number.jpg")))
      .toBe("The number is 611.");
  });

  test("reads a small number in the corner of a large picture, and cannot with one tile", async () => {
    const question = ["What number is in the picture?", "--image", example("corner.png")];
    expect(await answerTo(...question)).toBe("The number is 451.");
    expect(await answerTo(...question, "--max-tiles", "1")).not.toContain("451");
  });

  test("answers about two pictures of one conversation, and what follows from both", async () => {
    using scratch = emptyDirectory();
    const said: object[] = [];
    const path = join(scratch.path, "conversation.json");
    /** Goes on with the conversation, which the program is given as a file each time. */
    const next = async (question: string, picture?: string) => {
      const shown = picture === undefined ? [] : [{ type: "image_url", image_url: { url: picture } }];
      said.push({ role: "user", content: [...shown, { type: "text", text: question }] });
      writeFileSync(path, JSON.stringify({ messages: said }));
      const answer = await answerTo("--messages", path, "--images", join(repositoryRoot, "examples"));
      said.push({ role: "assistant", content: answer });
      return answer;
    };
    expect(await next("How many objects are there?", "first.png")).toBe("There are 2 objects.");
    expect(await next("How many objects are there?", "second.png")).toBe("There are 3 objects.");
    expect(await next("Which picture has more objects?")).toBe("The second picture.");
    expect(await next("What color is the ring?")).toBe("The ring is red.");
  });
});
