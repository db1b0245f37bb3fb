import type { Environment } from "../base/environment.ts";
import type { ExplainedError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import type { SettingsFile } from "../runtime/options_file.ts";
import type { LoadProgress } from "../runtime/reports.ts";
import type { Services } from "./services.ts";
import type { Terminal } from "./terminal.ts";
import { bar, describeAmount, RateMeter } from "./transfer.ts";

/** What every command gets: where to read and write, what to call, which variables are set. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly services: Services;
  /** The variables, and behind them what the settings file says. */
  readonly env: Environment;
  /** The variables alone. */
  readonly variables: CliContext["env"];
  readonly settingsFile: SettingsFile | undefined;
  /** What an error says, with each setting called as the person set it: by flag, variable or settings file. */
  describeError(error: ExplainedError): string;
}

/** From so many bytes on a load takes long enough for a person who sees no bar to wonder. */
const worthALine = 1e9;

/**
 * Shows how far a load has come, how fast it goes, and how long it will still take. Without a terminal a long load
 * tells each of its stages on one line.
 */
export function showProgress(
  terminal: Terminal,
  tell: (line: string) => void = (line) => terminal.note(line),
): (progress: LoadProgress) => void {
  let meter = new RateMeter();
  let shown = "";
  let isLong = false;
  return ({ stage, done, total, unit }) => {
    if (stage !== shown) {
      meter = new RateMeter();
      isLong ||= unit === "bytes" && total >= worthALine;
      if (isLong && !terminal.showsProgress) {
        tell(`Loading: ${stage}, ${unit === "bytes" ? formatBytes(total) : `${total} runs`}`);
      }
    }
    shown = stage;
    meter.add(done);
    if (total > 0 && done >= total) {
      return terminal.progress(`Loading ${bar(done, total)} ${stage} done, getting ready`);
    }
    if (unit === "items") {
      return terminal.progress(`Loading ${bar(done, total)} ${stage}, ${done} of ${total}`);
    }
    const speed = meter.describe(total);
    const amount = [describeAmount(done, total), ...speed ? [speed] : []].join(", ");
    terminal.progress(`Loading ${bar(done, total)} ${stage}, ${amount}`);
  };
}
