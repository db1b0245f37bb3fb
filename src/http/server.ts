import { createPrivateKey, X509Certificate } from "node:crypto";
import process from "node:process";
import { ExplainedError } from "../base/errors.ts";
import { type App, cutMs } from "./app.ts";
import { idleSeconds } from "./exchange.ts";

export interface Server {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /**
   * Lets running answers finish for `graceMs` while new requests get a 503 and `/health` says why, then closes
   * everything: a load balancer sees the end coming, and nobody meets a closed port before it must. Takes at most
   * `cutMs` longer than `graceMs`, whatever clients and answers do.
   */
  stop(graceMs: number): Promise<void>;
}

/** Certificate chain and private key, in PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Listens on `host` and `port` (0 takes a free one), with `tls` for https.
 *
 * @throws {ExplainedError} If the address cannot be had, or certificate and key are not a pair.
 */
export function startServer(app: App, host: string, port: number, tls?: TlsFiles): Server {
  if (tls) checkPair(tls);
  const server = listen(app, host, port, tls);
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls ? "https" : "http"}://${shownHost}:${server.port}`,
    async stop(graceMs) {
      const end = performance.now() + graceMs + cutMs;
      await app.drain(graceMs);
      const closed = server.stop();
      // The last bytes may still be on their way; a connection that is kept open would hold this for ever.
      await Promise.race([closed, Bun.sleep(Math.max(0, Math.min(cutMs, end - performance.now())))]);
      // Not awaited: it waits for handlers, and the one that does not end is why we are here.
      void server.stop(true);
    },
  };
}

function listen(app: App, host: string, port: number, tls: TlsFiles | undefined): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      tls,
      // Bun's development error page shows source code.
      development: false,
      // Without it production mode shares the port, and a second server silently takes half of the requests.
      reusePort: false,
      idleTimeout: idleSeconds,
      // The app counts the bytes itself, and answers in JSON.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, connection) => app.fetch(request, connection),
    });
  } catch (error) {
    throw explain(error, host, port);
  }
}

/** What is wrong with the pair would be told by Bun as an address that cannot be had. */
function checkPair({ cert, key }: TlsFiles): void {
  let isPair = false;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new ExplainedError(
      "Cannot serve https: certificate and private key must be unencrypted PEM, and at least one is not",
      "Check the files of --tls-cert and --tls-key",
      { cause },
    );
  }
  if (isPair) return;
  throw new ExplainedError(
    "Cannot serve https: the private key is not the certificate's",
    "Give --tls-key the key that the certificate of --tls-cert was made with, its own certificate first",
  );
}

function explain(error: unknown, host: string, port: number): ExplainedError {
  const code = (error as { code?: unknown }).code;
  const what = `Cannot listen on ${host}:${port}`;
  if (code === "EADDRINUSE") {
    return new ExplainedError(
      `${what}: the port is in use`,
      "Choose another one with --port, or stop its owner",
    );
  }
  if (code === "EACCES") {
    return new ExplainedError(`${what}: not allowed on ${process.platform}`, "Choose a --port above 1023");
  }
  return new ExplainedError(`${what}: no such address on this machine`, "Choose another one with --host", {
    cause: error,
  });
}
