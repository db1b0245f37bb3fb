import { RequestError } from "../base/errors.ts";
import type { Exchange } from "./exchange.ts";

type Raw = Readonly<Record<string, unknown>>;

/**
 * Fields of the published API that change no answer here. `--strict` lets them pass: a client that sends them has made
 * no mistake.
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
]);

const maxListed = 32;

/** Names of the object's fields that are not `known` and are not `null`, which always means left out. */
export function unknownFields(raw: Raw, known: Iterable<string>, prefix = ""): string[] {
  const names = new Set(known);
  return Object.keys(raw).filter((name) => !names.has(name) && raw[name] !== null)
    .map((name) => `${prefix}${name}`);
}

/**
 * Tells of fields without effect: one that the API does not have is refused where that is wanted, and otherwise a
 * warning in the log.
 *
 * @returns all names, for the `x-llamav-ignored` header; empty when there are none
 * @throws {RequestError} If `strict`, for the first field that the API does not have.
 */
export function tellIgnored(names: readonly string[], strict: boolean, { id, log }: Exchange): string {
  const unknown = names.filter((name) => !harmless.has(name));
  if (strict && unknown.length > 0) throw unknownField(unknown[0]!);
  const shown = list(unknown);
  if (shown !== "") log.warn(`${id} ignores what the API does not have: ${shown}`, { request_id: id });
  return list(names);
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
