import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NetworkError, RequestError } from "../../src/base/errors.ts";
import { readConversation } from "../../src/cli/conversation_file.ts";
import { UsageError } from "../../src/cli/exit_codes.ts";

const folder = mkdtempSync(join(tmpdir(), "llamav-conversation-"));
mkdirSync(join(folder, "pictures"));
writeFileSync(join(folder, "pictures", "a.png"), Uint8Array.of(1));
writeFileSync(join(folder, "secret.png"), Uint8Array.of(2));
symlinkSync("../secret.png", join(folder, "pictures", "link.png"));
afterAll(() => rmSync(folder, { recursive: true }));

const fetched = () => Promise.resolve(Uint8Array.of(9));

const path = join(folder, "case.json");

/** Reads a file with this content; its pictures lie in the folder `pictures` beside it. */
function read(content: unknown) {
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return readConversation(path, join(folder, "pictures"), fetched);
}

const asking = (url: string) => ({
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
});
const withBytes = (
  byte: number,
) => [{ role: "user" as const, content: [{ type: "image" as const, bytes: Uint8Array.of(byte) }] }];

test("readConversation() reads messages at the top, with the template's variables", async () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const variables = {
    tools,
    tools_in_user_message: false,
    date_string: "1 Jan 2025",
    add_generation_prompt: false,
  };
  expect(await read({ messages: [{ role: "user", content: "Hi" }], ...variables })).toEqual({
    request: {
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
      tools,
      toolsInUserMessage: false,
      dateString: "1 Jan 2025",
    },
    addGenerationPrompt: false,
  });
});

test("readConversation() reads a reference case: the request inside, the variables beside it", async () => {
  const prompt = await read({ request: asking("a.png"), date_string: "26 Jul 2024", prompt: "rendered" });
  expect(prompt).toMatchObject({
    request: { messages: withBytes(1), dateString: "26 Jul 2024" },
    addGenerationPrompt: true,
  });
});

test("readConversation() reads a prompt as it is, with its pictures", async () => {
  const prompt = await read({ prompt: "<|image|>A cat", images: [{ file: "a.png", rows: 1 }] });
  expect(prompt).toEqual({ text: "<|image|>A cat", pictures: [Uint8Array.of(1)] });
});

test("readConversation() takes pictures from below the folder, and URLs from the loader", async () => {
  writeFileSync(path, JSON.stringify(asking("pictures/a.png")));
  const besideTheFile = await readConversation(path, undefined, fetched);
  expect(besideTheFile).toMatchObject({ request: { messages: withBytes(1) } });
  for (const url of ["data:image/png;base64,AA==", "https://pictures.example/a.png"]) {
    expect(await read(asking(url))).toMatchObject({ request: { messages: withBytes(9) } });
  }
  for (const url of ["../secret.png", "link.png", "/etc/passwd", "none.png", "file:///etc/passwd", "."]) {
    await expect(read(asking(url))).rejects.toThrow(`There is no picture "${url}" below`);
  }
});

test("readConversation() names the file, the field and the picture, and keeps the kind of the error", async () => {
  const cause = new Error("refused");
  const errors = [
    new NetworkError('Picture "u": unreachable', "Download it", { cause }),
    new UsageError('Picture "u": no URL', "Give the file"),
    new RequestError('Picture "u": too large', { code: "invalid_image_url", remedy: "Make it smaller" }),
  ];
  for (const error of errors) {
    writeFileSync(path, JSON.stringify(asking("https://pictures.example/a.png")));
    const told = await readConversation(path, undefined, () => Promise.reject(error)).catch((error) => error);
    expect(told).toBeInstanceOf(error.constructor);
    expect(told).toMatchObject({
      message:
        `Cannot use "messages[0].content[0].image_url" of the conversation "${path}": ${error.message}`,
      remedy: error.remedy,
    });
    if (!(error instanceof RequestError)) expect(told.cause).toBe(error);
  }
  await expect(read(asking("."))).rejects.toThrow('Cannot use "messages[0].content[0].image_url" of the');
});

test("readConversation() names what is wrong with a file", async () => {
  await expect(readConversation(join(folder, "none.json"), undefined, fetched)).rejects.toThrow(
    "Cannot read the conv",
  );
  await expect(read("{")).rejects.toThrow("Cannot read the conversation");
  await expect(read({ message: [] })).rejects.toThrow(
    `Cannot use the conversation "${path}": it must hold "messages", "request" or "prompt", not an object with "message"`,
  );
  await expect(read({ messages: [] })).rejects.toThrow('"messages" must have at least 1 item');
  await expect(read({ messages: [{ role: "king", content: "" }] })).rejects.toThrow('"messages[0].role"');
});
