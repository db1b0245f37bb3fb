import { hostEngine } from "./host.ts";

/** The thread that owns the device. */
declare const self: Worker;

hostEngine(self);
