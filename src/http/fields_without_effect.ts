import { RequestError } from "../base/errors.ts";
import type { Exchange } from "./exchange.ts";

type Raw = Readonly<Record<string, unknown>>;

/**
 * Fields that change no answer here, and that `--strict` lets pass: the published API has them, or a client that sends
 * an answer back as it came has them in it. It has made no mistake.
 */
const harmless = new Set([
  "include",
  "max_tool_calls",
  "metadata",
  "prediction",
  "prompt_cache_key",
  "prompt_cache_retention",
  "reasoning",
  "reasoning_effort",
  "safety_identifier",
  "service_tier",
  "store",
  "text.verbosity",
  "truncation",
  "verbosity",
  "stream_options.include_obfuscation",
  "messages.name",
  "messages.refusal",
  "messages.annotations",
  "messages.audio",
  "messages.parsed",
  "messages.tool_calls.index",
  "messages.tool_calls.function.parsed_arguments",
  "input.id",
  "input.status",
  "input.phase",
  "input.parsed_arguments",
  "input.content.annotations",
  "input.content.logprobs",
  "input.content.parsed",
]);

const maxListed = 32;

/**
 * Names of the fields that parsing has dropped, each once: at any depth, behind the names of their owners, and without
 * their places in lists. `null` always means left out. What the schema takes as it is, such as a JSON schema, is
 * the client's own to its bottom.
 */
export function droppedFields(raw: Raw, parsed: object): string[] {
  const names = new Set<string>();
  collect(raw, parsed, "", names);
  return [...names];
}

function collect(raw: unknown, parsed: unknown, path: string, names: Set<string>): void {
  // Equal where nothing was parsed; a short form was widened, and has no fields.
  if (raw === parsed || !isObject(raw) || !isObject(parsed)) return;
  if (Array.isArray(raw)) {
    for (const [index, item] of raw.entries()) collect(item, (parsed as unknown[])[index], path, names);
    return;
  }
  for (const [name, value] of Object.entries(raw)) {
    if (value === null) continue;
    const inner = path === "" ? name : `${path}.${name}`;
    if (Object.hasOwn(parsed, name)) collect(value, (parsed as Raw)[name], inner, names);
    else names.add(inner);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/**
 * Tells of fields without effect: one that the API does not have is refused where that is wanted, and otherwise a
 * warning in the log.
 *
 * @returns headers of the answer, with all names in `x-llamav-ignored` when there are any
 * @throws {RequestError} If `strict`, for the first field that the API does not have.
 */
export function tellIgnored(
  names: readonly string[],
  strict: boolean | undefined,
  { id, log }: Exchange,
): Headers {
  const unknown = names.filter((name) => !harmless.has(name));
  if (strict && unknown.length > 0) throw unknownField(unknown[0]!);
  const shown = list(unknown);
  if (shown !== "") log.warn(`${id} ignores what the API does not have: ${shown}`, { request_id: id });
  const all = list(names);
  return new Headers(all === "" ? {} : { "x-llamav-ignored": all });
}

/** Names are the client's: only what a header can carry goes into it and the log, and no more than a screenful. */
function list(names: readonly string[]): string {
  return names.filter((name) => /^[\w.-]{1,64}$/.test(name)).slice(0, maxListed).join(", ");
}

function unknownField(name: string): RequestError {
  const param = name.slice(0, 64).toWellFormed();
  return new RequestError(`"${param}" is no parameter of this route`, {
    param,
    code: "unknown_parameter",
    remedy: "Leave it out, or serve without --strict",
  });
}
