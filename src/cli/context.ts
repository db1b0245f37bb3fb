import type { LoadProgress } from "../runtime/reports.ts";
import type { Services } from "./services.ts";
import type { Terminal } from "./terminal.ts";
import { bar, describeAmount, RateMeter } from "./transfer.ts";

/** What every command gets: where to read and write, what to call, which variables are set. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly services: Services;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Shows how far a load has come, how fast it goes, and how long it will still take. */
export function showProgress(terminal: Terminal): (progress: LoadProgress) => void {
  let meter = new RateMeter();
  let shown = "";
  return ({ stage, done, total, unit }) => {
    if (stage !== shown) meter = new RateMeter();
    shown = stage;
    meter.add(done);
    if (total > 0 && done >= total) {
      return terminal.progress(`Loading ${bar(done, total)} ${stage} are there, getting ready`);
    }
    if (unit === "items") {
      return terminal.progress(`Loading ${bar(done, total)} ${stage}, ${done} of ${total}`);
    }
    const speed = meter.describe(total);
    const amount = [describeAmount(done, total), ...speed ? [speed] : []].join(", ");
    terminal.progress(`Loading ${bar(done, total)} ${stage}, ${amount}`);
  };
}
