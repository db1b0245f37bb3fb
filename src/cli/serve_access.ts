import { readFileSync, statSync } from "node:fs";
import process from "node:process";
import type { Command } from "commander";
import type { Log } from "../base/log.ts";
import type { TlsFiles } from "../http/server.ts";
import { environmentName, settings } from "../runtime/options.ts";
import { UsageError } from "./exit_codes.ts";
import { isGivenByFlag } from "./flags.ts";
import { readReason } from "./read_reason.ts";

interface KeyValues {
  readonly apiKey: readonly string[];
  readonly apiKeyFile: string | undefined;
}

/**
 * The keys of the flags, then those of the file. In the file empty lines and lines that begin with `#` do not count.
 *
 * @throws {UsageError} If the file cannot be read or has no key, or something is no key.
 */
export function readKeys({ apiKey, apiKeyFile }: KeyValues, log: Pick<Log, "warn">): readonly string[] {
  const keys = [...apiKey];
  if (apiKeyFile !== undefined) {
    const lines = readText("--api-key-file", apiKeyFile).split(/\r?\n/).map((line) => line.trim());
    const inFile = lines.filter((line) => line !== "" && !line.startsWith("#"));
    if (inFile.length === 0) {
      throw new UsageError(
        `"${apiKeyFile}" must hold at least one key and holds none`,
        "Write one key per line",
      );
    }
    if (isOpenToOthers(apiKeyFile)) {
      log.warn(`Other users of this machine can read "${apiKeyFile}"; chmod 600 keeps its keys yours`);
    }
    keys.push(...inFile);
  }
  // Not shown: it may be a key with a slip in it.
  if (!keys.every((key) => /^[\x21-\x7e]{1,512}$/.test(key))) {
    throw new UsageError("A key must have 1 to 512 visible ASCII characters and no spaces, and one has not");
  }
  return keys;
}

/** Tells who gave a key in a flag, which all users of the machine can read in its list of processes. */
export function warnOfShownKey(command: Command, log: Pick<Log, "warn">): void {
  if (!isGivenByFlag(command, settings.apiKey)) return;
  const { apiKey, apiKeyFile } = settings;
  log.warn(
    `Other users of this machine can see the key of ${apiKey.flag}; ${apiKeyFile.flag} or the variable ` +
      `${environmentName(apiKey)} keeps it yours`,
  );
}

/**
 * Certificate and private key of the flags.
 *
 * @returns `undefined` where there is neither
 * @throws {UsageError} If there is only one of them, or it cannot be read.
 */
export function readTls(
  { tlsCert, tlsKey }: { readonly tlsCert: string | undefined; readonly tlsKey: string | undefined },
): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError(
      "https needs a certificate and its private key, and only one was given",
      "Give both --tls-cert and --tls-key",
    );
  }
  return { cert: readText("--tls-cert", tlsCert), key: readText("--tls-key", tlsKey) };
}

/**
 * @throws {UsageError} If something is no origin: a browser writes scheme, host and port, and nothing behind them.
 */
export function checkOrigins(origins: readonly string[]): readonly string[] {
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    throw new UsageError(
      `--cors-origin must be an origin such as https://chat.example, not "${origin}"`,
      "Write it as browsers do: scheme, host in lower case, port if it is not the usual one, no slash at the end",
    );
  }
  return origins;
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`Cannot read "${path}" of ${flag}: ${readReason(error)}`, "Check its path");
  }
}

/** Windows has other ways to say who may read. */
function isOpenToOthers(path: string): boolean {
  return process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0;
}
