import { main } from "../../src/cli/program.ts";
import type { Services } from "../../src/cli/services.ts";
import type { Output } from "../../src/cli/terminal.ts";
import { answer, FakeRuntime } from "../support/fake_runtime.ts";

/** A stream that keeps what is written. */
export class Sink implements Output {
  text = "";
  constructor(readonly isTTY = false) {}
  write(text: string, done?: (error?: Error | null) => void): boolean {
    this.text += text;
    done?.(null);
    return true;
  }
}

/** A stream that takes nothing, for the reason of this system error code. */
class BrokenSink extends Sink {
  constructor(readonly code: string) {
    super();
  }
  override write(_text: string, done?: (error?: Error | null) => void): boolean {
    done?.(Object.assign(new Error(`${this.code}: write`), { code: this.code }));
    return false;
  }
}

/** A stdin with this content; `undefined` is a terminal at which nobody types. */
function source(content: string | Uint8Array | undefined) {
  return {
    isTTY: content === undefined,
    async *[Symbol.asyncIterator]() {
      if (content !== undefined) {
        yield typeof content === "string" ? new TextEncoder().encode(content) : content;
      }
    },
  };
}

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSetting {
  readonly stdin?: string | Uint8Array;
  readonly terminal?: boolean;
  /** System error code with which every write to stdout fails. */
  readonly stdoutError?: string;
  readonly env?: Record<string, string>;
  readonly services?: Partial<Services>;
}

/** Runs one command line with fakes; a service that a test does not give throws. */
export async function cli(args: readonly string[], setting: CliSetting = {}): Promise<CliRun> {
  const stdout = setting.stdoutError ? new BrokenSink(setting.stdoutError) : new Sink(setting.terminal);
  const stderr = new Sink(setting.terminal);
  const unexpected = (name: string) => () => Promise.reject(new Error(`${name} was called`));
  const services: Services = {
    // The models of tests are names.
    checkModel: () => Promise.resolve(),
    openRuntime: unexpected("openRuntime"),
    pictureLoader: unexpected("pictureLoader"),
    traceToFile: unexpected("traceToFile"),
    inspectModel: unexpected("inspectModel"),
    runDoctor: unexpected("runDoctor"),
    findDevices: unexpected("findDevices"),
    runBench: unexpected("runBench"),
    ...setting.services,
  };
  const code = await main(args, {
    streams: { stdin: source(setting.stdin), stdout, stderr },
    env: setting.env ?? {},
    services,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** A runtime with a fixed answer, and the options that it was opened with. */
export function fakeServices(
  ...pieces: string[]
): { runtime: FakeRuntime; opened: unknown[]; services: Partial<Services> } {
  const runtime = new FakeRuntime(() => answer(...pieces));
  const opened: unknown[] = [];
  const services: Partial<Services> = {
    checkModel: () => Promise.resolve(),
    openRuntime({ onProgress, ...options }) {
      opened.push(options);
      onProgress?.({ stage: "weights", done: 5_000_000, total: 10_000_000, unit: "bytes" });
      return Promise.resolve(runtime);
    },
  };
  return { runtime, opened, services };
}
