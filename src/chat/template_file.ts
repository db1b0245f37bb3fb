import { join } from "node:path";
import { ModelError } from "../base/errors.ts";
import { readSmallFile } from "../base/small_file.ts";
import { builtinTemplate } from "./builtin_template.ts";
import { JinjaTemplate } from "./jinja.ts";

/** How a checkpoint wants a conversation laid out. */
export interface ChatTemplate {
  readonly template: JinjaTemplate;
  /** Text of the token that begins every prompt; the template prints it. */
  readonly bosToken: string;
  /** File the template came from, or "built-in". */
  readonly origin: string;
}

/** The published template has 5 kB. */
const maxTemplateLength = 1 << 20;
/** tokenizer_config.json has 55 kB, with a template inside. */
const maxFileBytes = 1 << 24;

/**
 * The chat template of a checkpoint directory: chat_template.jinja, or else chat_template.json, or else
 * tokenizer_config.json (the order in which Hugging Face's tools prefer them), or else the built-in one. Where a
 * file holds several, the one named "default" is taken.
 *
 * @param bosToken text of the tokenizer's BOS token
 * @throws {ModelError} If a file cannot be read or is not JSON, or the template does not parse.
 */
export function openChatTemplate(directory: string, bosToken: string): ChatTemplate {
  const { source, origin } = findTemplate(directory) ?? { source: builtinTemplate, origin: "built-in" };
  return compileChatTemplate(source, bosToken, origin);
}

/**
 * Compiles a template's source.
 *
 * @throws {ModelError} If it does not parse, or is longer than 1 MiB.
 */
export function compileChatTemplate(source: string, bosToken: string, origin: string): ChatTemplate {
  if (source.length > maxTemplateLength) {
    throw templateError(origin, `at most ${maxTemplateLength} characters, and it has ${source.length}`);
  }
  try {
    return { template: new JinjaTemplate(source), bosToken, origin };
  } catch (error) {
    throw templateError(
      origin,
      `a Jinja template, and it does not parse: ${(error as Error).message}`,
      error,
    );
  }
}

function findTemplate(directory: string): { source: string; origin: string } | undefined {
  const jinja = join(directory, "chat_template.jinja");
  const source = readSmallFile(jinja, maxFileBytes);
  if (source !== undefined) return { source, origin: jinja };
  for (const name of ["chat_template.json", "tokenizer_config.json"]) {
    const origin = join(directory, name);
    const text = readSmallFile(origin, maxFileBytes);
    const source = text === undefined ? undefined : templateOf(parseJson(origin, text));
    if (source !== undefined) return { source, origin };
  }
  return undefined;
}

/** `{"chat_template": "…"}` or `{"chat_template": [{"name": "default", "template": "…"}, …]}`. */
function templateOf(file: unknown): string | undefined {
  const value = (file as { chat_template?: unknown } | null)?.chat_template;
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value as ({ name?: unknown; template?: unknown } | null)[];
  const chosen = named.find((entry) => entry?.name === "default") ?? named[0];
  return typeof chosen?.template === "string" ? chosen.template : undefined;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelError(
      `Cannot read "${path}": it must be JSON, and it is not`,
      "Download the file again.",
      { cause: error },
    );
  }
}

function templateError(origin: string, problem: string, cause?: unknown): ModelError {
  return new ModelError(
    `Cannot use the chat template of "${origin}": it must be ${problem}`,
    "Restore the checkpoint's own chat template, or remove the file to use the built-in one.",
    { cause },
  );
}
