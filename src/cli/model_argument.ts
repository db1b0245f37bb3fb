import { existsSync } from "node:fs";
import { demoModel } from "../runtime/demo_model.ts";
import { UsageError } from "./exit_codes.ts";
import { isPictureFile } from "./pictures.ts";
import type { Terminal } from "./terminal.ts";

export const modelArgument = [
  "[model]",
  `directory of a checkpoint in Hugging Face layout; left out, "${demoModel}", the small model inside the program`,
] as const;

/**
 * The one model that was meant, of the several ways to say it; an empty text says nothing.
 *
 * @returns undefined if none was given
 * @throws {UsageError} If two were given that differ.
 */
export function oneModel(...given: readonly (string | undefined)[]): string | undefined {
  const [first, second] = new Set(given.filter((name) => name !== undefined && name !== ""));
  if (second !== undefined) {
    throw new UsageError(`Two models were given, ${first} and ${second}`, "Give one of them");
  }
  return first;
}

/**
 * Takes MODEL off the words of a command line whose other words are a question. The first word is MODEL if it is
 * the demo's name, names something that exists and is no picture, or is written like a path; otherwise the question
 * begins with it.
 */
export function takeModel(words: readonly string[]): { model: string | undefined; rest: readonly string[] } {
  const [first = "", ...rest] = words;
  const isPath = /^[^\s]*[/\\][^\s]*$/.test(first) || existsSync(first);
  const isModel = first === "" || first === demoModel || (isPath && !isPictureFile(first));
  return isModel ? { model: oneModel(first), rest } : { model: undefined, rest: words };
}

/** The model to use, and a word to the person who has named none. */
export function modelOrDemo(model: string | undefined, terminal: Pick<Terminal, "note">): string {
  if (model !== undefined) return model;
  terminal.note(
    "note: this is the small built-in demo model; for other pictures name the directory of a Llama 3.2 Vision " +
      "checkpoint as MODEL",
  );
  return demoModel;
}
