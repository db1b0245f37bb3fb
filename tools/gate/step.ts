/** One line of the gate: what ran, how it ended, how long it took. */

/** Checks that a step made. A step that is not a test run is one check. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Outcome extends Counts {
  /** Why it was skipped. */
  readonly note?: string;
  /** What the tools printed; shown only when something failed. */
  readonly output?: string;
}

export interface Step {
  readonly name: string;
  run(): Promise<Outcome>;
}

export interface CommandResult {
  readonly code: number;
  readonly output: string;
}

/** What a command may take before it counts as hung: all tests take six minutes, and a busy machine is a third as fast. */
const commandTimeoutMs = 20 * 60_000;
/** How much of a failed command's output is shown. */
const shownLines = 200;

/** Runs a command to its end; stdout and stderr come back together. `env` is added to the environment. */
export async function runCommand(
  command: string[],
  env: Record<string, string | undefined> = {},
): Promise<CommandResult> {
  const child = Bun.spawn(command, {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdout: "pipe",
    stderr: "pipe",
    timeout: commandTimeoutMs,
  });
  const output = await Promise.all([child.stdout, child.stderr].map((pipe) => new Response(pipe).text()));
  const code = await child.exited;
  const killed = child.signalCode ? `\nended by ${child.signalCode}` : "";
  return { code, output: output.join("") + killed };
}

/** A step that passes when its command exits with 0. */
export function commandStep(name: string, command: string[]): Step {
  return {
    name,
    async run() {
      const { code, output } = await runCommand(command);
      return code === 0
        ? { passed: 1, failed: 0, skipped: 0 }
        : { passed: 0, failed: 1, skipped: 0, output: `$ ${command.join(" ")}\n${output}` };
    },
  };
}

/**
 * The steps whose names begin with one of the words, all if there is none.
 *
 * @returns `unknown` are the words that choose none: what was meant by them would not be looked at
 */
export function chooseSteps<S extends Pick<Step, "name">>(
  steps: readonly S[],
  words: readonly string[],
): { readonly chosen: readonly S[]; readonly unknown: readonly string[] } {
  const isChosen = (step: S) => words.length === 0 || words.some((word) => step.name.startsWith(word));
  const unknown = words.filter((word) => !steps.some(({ name }) => name.startsWith(word)));
  return { chosen: steps.filter(isChosen), unknown };
}

/** Runs the steps in order, prints one line for each, and returns the sums. */
export async function runSteps(steps: readonly Step[]): Promise<Counts> {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const step of steps) {
    const start = performance.now();
    const outcome = await step.run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const verdict = outcome.failed > 0 ? "FAIL" : outcome.passed > 0 ? "ok" : "skip";
    const note = outcome.note ?? (outcome.passed + outcome.failed > 1 ? `${outcome.passed} passed` : "");
    console.log(`${verdict.padEnd(5)}${step.name.padEnd(34)}${seconds.padStart(6)} s  ${note}`.trimEnd());
    if (outcome.failed > 0 && outcome.output) console.log(lastLines(outcome.output));
    passed += outcome.passed;
    failed += outcome.failed;
    skipped += outcome.skipped;
  }
  return { passed, failed, skipped };
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-shownLines).map((line) => `     ${line}`).join("\n");
}
