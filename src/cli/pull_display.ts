import { formatBytes, formatDuration } from "../base/units.ts";
import type { PullEvent } from "../runtime/models.ts";
import type { Terminal } from "./terminal.ts";
import { bar, describeAmount, percent, RateMeter } from "./transfer.ts";

type Progress = Extract<PullEvent, { event: "progress" }>;

/** Steps of the lines that are written where there is no terminal to draw on, in percent. */
const lineStep = 10;

/** Shows a pull on stderr: one line that changes, or without a terminal one line for each tenth. */
export function showPull(terminal: Terminal): (event: PullEvent) => void {
  const meter = new RateMeter();
  let told = 0;
  const onProgress = (event: Progress) => {
    const { file, completed, total, allCompleted, allTotal } = event;
    meter.add(allCompleted);
    const speed = meter.describe(allTotal);
    const all = [describeAmount(allCompleted, allTotal), ...speed ? [speed] : []].join(", ");
    terminal.progress(`${bar(allCompleted, allTotal)} ${all}; ${file} ${percent(completed, total)} %`);
    const step = Math.floor(percent(allCompleted, allTotal) / lineStep) * lineStep;
    if (terminal.showsProgress || step <= told) return;
    told = step;
    terminal.note(`Pulling: ${all}`);
  };
  return (event) => {
    switch (event.event) {
      case "waiting":
        return terminal.note("Another program pulls into the same repository; waiting for it");
      case "start": {
        const { repository, files, total, completed } = event;
        meter.add(completed);
        told = Math.floor(percent(completed, total) / lineStep) * lineStep;
        const there = completed > 0 ? `, ${formatBytes(completed)} of them are there` : "";
        return terminal.note(`${repository}: ${files} files, ${formatBytes(total)}${there}`);
      }
      case "progress":
        return onProgress(event);
      case "verifying":
        return terminal.progress(`Checking ${event.file}`);
      case "done":
        return terminal.note(`${event.file}: ${formatBytes(event.total)}, checked`);
      case "retry": {
        const what = event.file === "" ? "the list of files" : event.file;
        return terminal.note(`${what}: ${event.reason}; trying again in ${formatDuration(event.delayMs)}`);
      }
    }
  };
}

/** Tells a pull to a program on stdout: one JSON object a line, progress of all no more often than once a percent. */
export function tellPull(terminal: Terminal): (event: PullEvent) => void {
  const told = new Map<string, number>();
  return (event) => {
    if (event.event === "progress") {
      const now = percent(event.completed, event.total);
      if (told.get(event.file) === now) return;
      told.set(event.file, now);
    }
    // Whether it was written is told by the flush at the end.
    void terminal.print(`${JSON.stringify(event)}\n`).catch(() => {});
  };
}
