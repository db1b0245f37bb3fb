import { readFileSync } from "node:fs";
import { parseConversation } from "../../src/http/conversation.ts";
import type { TracePrompt } from "../../src/runtime/reports.ts";
import type { GenerateRequest } from "../../src/runtime/request.ts";
import { type GoldenCase, goldenImagePath } from "../support/goldens.ts";

/** The bytes of a picture that a case names. */
export function goldenPicture(file: string): Uint8Array {
  return new Uint8Array(readFileSync(goldenImagePath(file)));
}

/** A case as the commands read it from its file. */
export function goldenPrompt({ file }: GoldenCase): Promise<TracePrompt> {
  return parseConversation(file, (name) => Promise.resolve(goldenPicture(name)));
}

/** A case with a conversation, as a request. */
export async function goldenRequest(golden: GoldenCase): Promise<Omit<GenerateRequest, "sampling">> {
  const prompt = await goldenPrompt(golden);
  if (!("request" in prompt)) throw new Error(`${golden.name} has no conversation`);
  return prompt.request;
}
