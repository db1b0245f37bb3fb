/**
 * Whether the executable says what the reference says, token by token: greedy answers to conversations that
 * `tools/demo_model/answers.py` had in f32 with the reference implementation.
 *
 *     bun bench/demo_reference.ts DIR [--model DIR] [--executable F] [--save]
 *
 * Prints each difference, and ends with exit code 1 if there is one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";
import { Device } from "../src/gpu/device.ts";
import { picturePart } from "./demo/interview.ts";
import { ask, type Message } from "./demo/server.ts";
import { saveResults } from "./results_file.ts";
import { serveModel } from "./served_model.ts";

/** A line of `conversations.jsonl`: pictures stand in the messages as `{ "type": "image" }`, in order. */
interface ReferenceLine {
  readonly pictures: readonly string[];
  readonly messages: readonly {
    readonly role: "system" | "user" | "assistant";
    readonly content:
      | string
      | readonly ({ readonly type: "image" } | { readonly type: "text"; readonly text: string })[];
  }[];
  readonly answer: string;
  /** Texts of its tokens; the end of the turn has a name. */
  readonly tokens: readonly string[];
}

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: {
    model: { type: "string" },
    executable: { type: "string", default: "dist/llamav" },
    save: { type: "boolean" },
  },
});

async function main(folder: string): Promise<number> {
  const lines = readFileSync(join(folder, "conversations.jsonl"), "utf8").trim().split("\n");
  await using server = await serveModel(values.executable, values.model);
  let [equal, all] = [0, 0];
  for (const [index, json] of lines.entries()) {
    const line = JSON.parse(json) as ReferenceLine;
    const reply = await ask(server.url, messagesOf(line, folder));
    const { text, tokens, tokenCount } = reply;
    const ended = tokenCount > tokens.length; // the end of the turn is counted and has no text
    const same = text === line.answer && tokenCount === line.tokens.length &&
      tokens.every((token, i) => token === line.tokens[i]);
    if (same && ended) equal++;
    else console.log(`${index}: ${JSON.stringify(reply)}, reference ${JSON.stringify(line.tokens)}`);
    all += line.tokens.length;
  }
  console.log(`${equal} of ${lines.length} conversations equal (${all} tokens of the reference)`);
  if (values.save) save(equal / lines.length, lines.length);
  return equal === lines.length ? 0 : 1;
}

function save(share: number, count: number): void {
  const device = Device.open();
  const { info } = device;
  device.dispose();
  const shape = `demo, ${count} conversations`;
  saveResults(info, [{ op: "demo_reference", shape, dtype: "-", ms: 0, rate: share * 100, unit: "% equal" }]);
}

function messagesOf({ messages, pictures }: ReferenceLine, folder: string): Message[] {
  let next = 0;
  return messages.map(({ role, content }): Message => {
    if (typeof content === "string") {
      return role === "user" ? { role, content: [{ type: "text", text: content }] } : { role, content };
    }
    const parts = content.map((part) =>
      part.type === "text" ? part : picturePart(join(folder, pictures[next++]!))
    );
    return { role: "user", content: parts };
  });
}

if (positionals.length !== 1) throw new Error("Need one folder, that of answers.py");
exit(await main(positionals[0]!));
