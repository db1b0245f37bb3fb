/** Pictures of web pages, drawn by a headless Chromium that is driven over its DevTools protocol. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { announced } from "./announced.ts";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const startMs = 60_000;

export interface Shot {
  readonly html: string;
  readonly width: number;
  readonly height: number;
  readonly format: "png" | "jpeg" | "webp";
  /** 0 to 100, for jpeg and webp. */
  readonly quality: number;
}

/** A running Chromium with one page. Dispose it: the process and its profile go with it. */
export class Browser implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #profile: string;
  readonly #page: DevTools;

  private constructor(child: Bun.Subprocess<"ignore", "ignore", "pipe">, profile: string, page: DevTools) {
    [this.#child, this.#profile, this.#page] = [child, profile, page];
  }

  /** @throws {Error} If no Chromium is installed or it does not start. */
  static async start(): Promise<Browser> {
    const binary = names.map((name) => Bun.which(name)).find((path) => path !== null);
    if (!binary) {
      throw new Error(
        `Cannot draw pictures: need one of ${
          names.join(", ")
        } on the PATH, have none; apt-get install chromium`,
      );
    }
    const profile = mkdtempSync(join(tmpdir(), "llamav-chromium-"));
    const child = Bun.spawn([
      binary,
      "--headless=new",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "--disable-gpu",
      "--hide-scrollbars",
      "--force-color-profile=srgb",
      "--no-first-run",
      "--disable-extensions",
      // Its sandbox refuses to work for root, as in a container; it only ever opens pages of our own.
      ...process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      "about:blank",
    ], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    try {
      const port = new URL(await endpointOf(child)).port;
      const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json() as Record<
        string,
        string
      >[];
      const page = targets.find((target) => target.type === "page")?.webSocketDebuggerUrl;
      if (page === undefined) throw new Error("Chromium opened no page; start again");
      return new Browser(child, profile, await DevTools.connect(page));
    } catch (error) {
      await end(child, profile);
      throw error;
    }
  }

  /** Draws a page and gives the bytes of the picture file. */
  async draw({ html, width, height, format, quality }: Shot): Promise<Uint8Array> {
    await this.#page.call("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    const { frameTree } = await this.#page.call("Page.getFrameTree", {}) as {
      frameTree: { frame: { id: string } };
    };
    await this.#page.call("Page.setDocumentContent", {
      frameId: frameTree.frame.id,
      html: `<!doctype html><body style="margin:0">${html}</body>`,
    });
    const { data } = await this.#page.call("Page.captureScreenshot", {
      format,
      ...format === "png" ? {} : { quality },
    }) as { data: string };
    return Uint8Array.fromBase64(data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#page.close();
    await end(this.#child, this.#profile);
  }
}

async function end(child: Bun.Subprocess, profile: string): Promise<void> {
  child.kill();
  await child.exited;
  // Helper processes may still write for a moment after the main one has ended.
  rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** The address that Chromium announces, in time. */
async function endpointOf(child: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<string> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Chromium was not ready after ${startMs / 1000} s`)),
    startMs,
  );
  try {
    return await Promise.race([announced(child, /DevTools listening on (ws:\/\/\S+)/, "Chromium"), late]);
  } finally {
    clearTimeout(timer);
  }
}

type Reply = { id?: number; result?: unknown; error?: { message: string } };

/** Calls over one DevTools websocket: each has a number, and its reply carries the same. */
class DevTools {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #count = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(String(data))));
    socket.addEventListener("close", () => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error("Chromium closed the connection; run again"));
      }
      this.#waiting.clear();
    });
  }

  static async connect(url: string): Promise<DevTools> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", () => reject(new Error(`Cannot connect to Chromium at ${url}`)));
    });
    return new DevTools(socket);
  }

  call(method: string, params: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #receive({ id, result, error }: Reply): void {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (waiting === undefined) return; // an event, nobody asked for it
    this.#waiting.delete(id!);
    if (error) waiting.reject(new Error(`Chromium refused a call: ${error.message}`));
    else waiting.resolve(result);
  }

  close(): void {
    this.#socket.close();
  }
}
