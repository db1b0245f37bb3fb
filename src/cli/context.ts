import type { LoadProgress } from "../runtime/reports.ts";
import { formatBytes } from "../base/units.ts";
import type { Services } from "./services.ts";
import type { Terminal } from "./terminal.ts";

/** What every command gets: where to read and write, what to call, which variables are set. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly services: Services;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Shows how far a load has come. */
export function showProgress(terminal: Terminal): (progress: LoadProgress) => void {
  return ({ stage, done, total, unit }) => {
    const amount = unit === "bytes" ? formatBytes(done) : String(done);
    const share = total > 0 ? ` (${Math.floor(done / total * 100)} %)` : "";
    terminal.progress(`Loading ${stage}: ${amount}${share}`);
  };
}
