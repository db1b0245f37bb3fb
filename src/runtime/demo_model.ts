import { join } from "node:path";
import { isEmbedded } from "../base/embedded.ts";

/** What MODEL is called when it means the model that comes with the program. A directory of that name is `./demo`. */
export const demoModel = "demo";

const folder = "models/llamav-demo";

/** Where the demo lies: inside the executable, or in the repository. */
export function demoDirectory(): string {
  return join(import.meta.dir, isEmbedded(import.meta.dir) ? folder : `../../${folder}`);
}
