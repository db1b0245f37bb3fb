/** What the tests of real clients share: a server with the demo model that asks for a key, and a picture. */
import { afterAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { z } from "zod";
import { type ServedModel, serveModel } from "../../support/executable.ts";
import { parseExposition } from "../../support/exposition.ts";
import { repositoryRoot } from "../../support/repository.ts";

/** What every client here shows, the way it shows its key to OpenAI. */
export const apiKey = "sk-of-these-tests";

/** A picture as bytes and as the `data:` URL that clients make of it. */
export const picture = new Uint8Array(readFileSync(join(repositoryRoot, "examples/scene.png")));
export const pictureUrl = `data:image/png;base64,${Buffer.from(picture).toString("base64")}`;

/** A function that the model must be made to call: it was never taught any. */
export const colorTool = {
  name: "report_color",
  description: "Takes the color of the thing in the middle",
  parameters: {
    type: "object" as const,
    properties: { color: { type: "string" as const, enum: ["red", "green", "blue"] } },
    required: ["color"],
    additionalProperties: false,
  },
};

/** A thing that an answer can be made to describe. Of few letters, whatever a model that draws them would like. */
export const shapeSchema = z.object({
  color: z.enum(["red", "green", "blue"]),
  filled: z.boolean(),
});

/** Room for a call: the model spells JSON letter by letter. */
export const roomForCall = 200;

/** The model's own words, the same at every time. */
export const greedy = { temperature: 0, max_tokens: 24 } as const;

/** Starts the executable with its own model; callers must show `apiKey`. */
export function serveWithKey(...flags: readonly string[]): Promise<ServedModel> {
  return serveModel(undefined, ["--api-key", apiKey, ...flags]);
}

/** The same, for the tests of the file that calls it: stopped after them; and OpenAI's client of it. */
export async function serveTests(): Promise<{ readonly server: ServedModel; readonly client: OpenAI }> {
  const server = await serveWithKey();
  afterAll(async () => expect(await server.stop()).toBe(0));
  return { server, client: clientOf(server) };
}

export function clientOf(
  { url }: ServedModel,
  options: ConstructorParameters<typeof OpenAI>[0] = {},
): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, ...options });
}

/** One number of `/metrics`. */
export async function metric(server: ServedModel, name: string): Promise<number> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } });
  const sample = parseExposition(await response.text()).get(name)?.samples[0];
  if (sample === undefined) throw new Error(`The server has no metric ${name}`);
  return sample.value;
}

/** Waits until it is so, and fails after thirty seconds: enough for a busy machine. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error("Waited thirty seconds in vain");
    await Bun.sleep(20);
  }
}
