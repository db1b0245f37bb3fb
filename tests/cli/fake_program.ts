/** The command line over a fake runtime, as a process of its own: for signals, pipes and ports. */
import process from "node:process";
import { main } from "../../src/cli/program.ts";
import { RequestError } from "../../src/base/errors.ts";
import type { Services } from "../../src/cli/services.ts";
import { answer, FakeRuntime } from "../support/fake_runtime.ts";

const endless = function* () {
  yield* answer().slice(0, 1);
  for (let i = 0;; i++) {
    yield { type: "text" as const, text: `word ${i} `.repeat(20) };
    yield { waitMs: 1 };
  }
};
const short = () => [...answer("slow").slice(0, 2), { waitMs: 300 }, ...answer("slow").slice(2)];

const services = {
  openRuntime: () => Promise.resolve(new FakeRuntime(process.env["FAKE"] === "endless" ? endless : short)),
  // Lets a client see what the operator allowed.
  pictureLoader: (policy) => Promise.resolve(() => Promise.reject(new RequestError(JSON.stringify(policy)))),
} as Partial<Services> as Services;

process.exit(await main(process.argv.slice(2), { services }));
