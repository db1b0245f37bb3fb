/** The engine's worker thread with a simulated model. */
import { hostEngine } from "../../src/engine/host.ts";
import { SimEngine } from "../../src/engine/sim_engine.ts";

declare const self: Worker;

hostEngine(self, (options) => SimEngine.open(options));
