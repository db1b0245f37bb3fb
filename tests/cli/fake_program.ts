/** The command line over a fake runtime, as a process of its own: for signals, pipes and ports. */
import process from "node:process";
import { main } from "../../src/cli/program.ts";
import { DeviceError, RequestError } from "../../src/base/errors.ts";
import type { Services } from "../../src/cli/services.ts";
import type { RuntimeOptions } from "../../src/runtime/runtime.ts";
import { answer, FakeRuntime, type Step } from "../support/fake_runtime.ts";

/** What waits until the test goes on does so until SIGUSR2. */
let isTold = false;
process.once("SIGUSR2", () => isTold = true);

/** What the runtime does with a request, by the variable `FAKE`. */
const scripts: Record<string, (runtime: FakeRuntime) => Iterable<Step>> = {
  *endless() {
    yield* answer().slice(0, 1);
    for (let i = 0;; i++) {
      yield { type: "text", choice: 0, text: `word ${i} `.repeat(20), completionTokens: i + 1 };
      yield { waitMs: 1 };
    }
  },
  *held() {
    yield* answer("held").slice(0, 2);
    while (!isTold) yield { waitMs: 5 };
    yield* answer("held").slice(2);
  },
  quick: () => answer("Hello", ", ", "world"),
  short: () => [...answer("slow").slice(0, 2), { waitMs: 300 }, ...answer("slow").slice(2)],
  lost: (runtime) => failing(runtime, new DeviceError("The device was lost", "Update the graphics driver")),
  died: (runtime) => failing(runtime, new Error("The engine stopped")),
};

function* failing(runtime: FakeRuntime, error: Error): Iterable<Step> {
  yield* answer("half").slice(0, 2);
  // Fails while something runs, as the worker's messages do: from outside.
  setTimeout(() => runtime.fail(error), 20);
  yield { waitMs: 60_000 };
}

/** Loads half of the model at once, and the rest too, unless the variable `LOAD` is "held". */
async function openRuntime(
  { maxQueued, onProgress }: Pick<RuntimeOptions, "maxQueued" | "onProgress">,
): Promise<FakeRuntime> {
  onProgress?.({ stage: "weights", done: 5, total: 10, unit: "bytes" });
  while (process.env["LOAD"] === "held" && !isTold) await Bun.sleep(5);
  const script = scripts[process.env["FAKE"]!]!;
  const notes = ["The built-in chat template is used"];
  // One request runs, and as many more may wait as the flag says.
  const runtime: FakeRuntime = new FakeRuntime(() => script(runtime), { notes }, 1 + (maxQueued ?? 0));
  return runtime;
}

const services = {
  checkModel: () => Promise.resolve(),
  openRuntime,
  // Lets a client see what the operator allowed.
  pictureLoader: (policy) => Promise.resolve(() => Promise.reject(new RequestError(JSON.stringify(policy)))),
} as Partial<Services> as Services;

process.exit(await main(process.argv.slice(2), { services }));
