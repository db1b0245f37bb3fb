/** What a soak saw, and whether it was flat. */

/** The server at rest: no request runs, and none is open. */
export interface Sample {
  /** Since the begin, in s. */
  readonly at: number;
  readonly rssBytes: number;
  /** Open files and sockets. */
  readonly handles: number;
  readonly threads: number;
  /** Requests so far. */
  readonly requests: number;
}

export interface Soak {
  readonly model: string;
  readonly device: string;
  readonly commit: string;
  readonly date: string;
  readonly seed: number;
  readonly samples: readonly Sample[];
  /** How often each action had each outcome. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Outcomes that must not be, in words. */
  readonly surprises: readonly string[];
  /** What the server still held when nobody asked any more. */
  readonly held: Readonly<Record<string, number>>;
}

export interface Verdict {
  readonly rule: string;
  readonly passed: boolean;
  readonly seen: string;
}

/** Growth from the middle third to the last that is noise of an allocator: a share, and bytes. */
const [noiseShare, noiseBytes] = [0.03, 8e6];
/** Growth of counts that is noise: a connection that is being closed. */
const noiseCount = 2;
/** Letters of a line. */
const lineWidth = 110;
/** Samples of each third that a median needs to mean something. */
const fewest = 3;

/** Judges a soak. The first third is left out: caches fill and code is compiled. */
export function judge({ samples, surprises, held }: Soak): Verdict[] {
  const third = Math.floor(samples.length / 3);
  const middle = samples.slice(third, 2 * third);
  const last = samples.slice(2 * third);
  const grows = (pick: (sample: Sample) => number, noise: (from: number) => number) => {
    const [from, to] = [median(middle.map(pick)), median(last.map(pick))];
    return { from, to, passed: third >= fewest && to <= from + noise(from) };
  };
  const memory = grows(({ rssBytes }) => rssBytes, (from) => from * noiseShare + noiseBytes);
  const handles = grows((sample) => sample.handles, () => noiseCount);
  const threads = grows((sample) => sample.threads, () => noiseCount);
  const kept = Object.entries(held).filter(([, value]) => value !== 0);
  return [
    {
      rule:
        `memory: median of the last third at most ${noiseShare * 100} % + ${megabytes(noiseBytes)} above ` +
        "that of the middle third",
      passed: memory.passed,
      seen: `${megabytes(memory.from)}, then ${megabytes(memory.to)}`,
    },
    ...([["handles", handles], ["threads", threads]] as const).map(([name, { from, to, passed }]) => ({
      rule: `${name}: median of the last third at most ${noiseCount} above that of the middle third`,
      passed,
      seen: `${from}, then ${to}`,
    })),
    {
      rule: "every request ends as it must",
      passed: surprises.length === 0,
      seen: surprises.length === 0 ? "so it was" : `${surprises.length} did not`,
    },
    {
      rule: "nothing is held when nobody asks",
      passed: kept.length === 0,
      seen: kept.length === 0 ? "nothing" : kept.map(([name, value]) => `${name} ${value}`).join(", "),
    },
  ];
}

/** The report, to be kept. */
export function describe(soak: Soak): string {
  const { samples, outcomes, surprises } = soak;
  const minutes = ((samples.at(-1)?.at ?? 0) / 60).toFixed(0);
  const rows = samples.map((
    { at, rssBytes, handles, threads, requests },
  ) => [(at / 60).toFixed(1), megabytes(rssBytes), handles, threads, requests]);
  return [
    `# Soak of ${minutes} minutes`,
    wrapped(`${soak.model} on ${soak.device}, ${soak.date}, commit ${soak.commit}, seed ${soak.seed}.`),
    wrapped(
      "Made by `bun bench/soak.ts`: random requests of every kind, answers that are left, input that is refused. " +
        "From time to time everybody waits until nothing runs; the samples are of these moments.",
    ),
    table(
      ["rule", "seen", "verdict"],
      judge(soak).map(({ rule, seen, passed }) => [rule, seen, passed ? "passed" : "FAILED"]),
    ),
    ...surprises.length === 0
      ? []
      : ["## What should not be", surprises.map((text) => `- ${text}`).join("\n")],
    "## Requests",
    table(
      ["what", "outcomes"],
      Object.entries(outcomes).sort(([a], [b]) => a < b ? -1 : 1).map(([name, counts]) => [
        name,
        Object.entries(counts).sort().map(([outcome, count]) => `${outcome}: ${count}`).join(", "),
      ]),
    ),
    "## The process at rest",
    table(["minute", "memory", "handles", "threads", "requests so far"], rows),
    "",
  ].join("\n\n").trimEnd() + "\n";
}

/** Laid out as the formatter would: a report is kept among files that it looks at. */
function table(head: readonly string[], body: readonly (readonly (string | number)[])[]): string {
  const rows = [head, ...body.map((cells) => cells.map(String))];
  const widths = head.map((_, i) => Math.max(3, ...rows.map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("\n");
}

function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= lineWidth) {
      lines.push(`${lines.pop()} ${word}`);
    } else lines.push(word);
  }
  return lines.join("\n");
}

/** The middle value; of an even count the lower one of the two, so that it is a value that was seen. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? NaN;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
