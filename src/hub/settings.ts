import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type { Environment } from "../base/environment.ts";
import { ExplainedError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { readSmallFile } from "../base/small_file.ts";

/** Where the hub is and where its files are kept: the variables of Hugging Face's own programs. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Goes to the endpoint's origin, and nowhere else. */
  readonly token: string | undefined;
  /** Folder of the repositories. */
  readonly cache: string;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
}

/** The public hub. */
const defaultEndpoint = "https://huggingface.co";
const maxTokenBytes = 4096;

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN` (or the file that `HF_TOKEN_PATH` names, or `$HF_HOME/token`), `HF_HUB_CACHE`,
 * `HF_HOME`, `XDG_CACHE_HOME` and `HF_HUB_OFFLINE`.
 *
 * @throws {ExplainedError} If the endpoint is no http(s) address, or the token is none that a header can carry.
 */
export function hubSettings(env: Environment): HubSettings {
  return {
    endpoint: readEndpoint(env.HF_ENDPOINT || defaultEndpoint),
    token: readToken(env),
    cache: hubCache(env),
    offline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE || ""),
  };
}

/** The folder that holds one folder for each repository, shared with all other programs that use the hub. */
export function hubCache(env: Environment): string {
  return resolve(
    expandHome(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome(env), "hub"), env),
  );
}

function hubHome(env: Environment): string {
  const { XDG_CACHE_HOME: chosen } = env;
  const caches = chosen && isAbsolute(chosen) ? chosen : join(homeOf(env), ".cache");
  return expandHome(env.HF_HOME || join(caches, "huggingface"), env);
}

function homeOf(env: Environment): string {
  return env.HOME || env.USERPROFILE || homedir();
}

function expandHome(path: string, env: Environment): string {
  return path === "~" || /^~[/\\]/.test(path) ? join(homeOf(env), path.slice(1)) : path;
}

function readEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" ||
    url.search + url.hash !== ""
  ) {
    throw new ExplainedError(
      `HF_ENDPOINT must be the http(s) address of a hub, not ${quote(text)}`,
      "Correct it, or unset it for the public hub",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** @returns nothing where there is no file, or none that can be read: what it opens will be refused and said why */
function readTokenFile(path: string): string {
  try {
    return (readSmallFile(path, maxTokenBytes) ?? "").trim();
  } catch {
    return "";
  }
}

function readToken(env: Environment): string | undefined {
  const path = expandHome(env.HF_TOKEN_PATH || join(hubHome(env), "token"), env);
  const given = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || "").trim();
  const token = given || readTokenFile(path);
  if (token === "") return undefined;
  // Not shown: it may be a token with a slip in it.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new ExplainedError(
    `The token of ${
      given ? "HF_TOKEN" : quote(path)
    } must be visible ASCII characters without spaces, and it is not`,
    "Copy it again from the settings of your account",
  );
}
