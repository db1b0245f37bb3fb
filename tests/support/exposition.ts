/** One value of a metric, as a scraper reads it. */
export interface ScrapedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ScrapedMetric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly ScrapedSample[];
}

const metricName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const sampleLine = new RegExp(`^(${metricName})(?:\\{(.*)\\})? (\\S+)$`);
const labelText = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/**
 * Reads Prometheus' text format, version 0.0.4, as strictly as its specification allows: every metric has HELP and
 * TYPE before its samples and comes once, no sample comes twice, counters end in `_total`, and a histogram's buckets
 * rise, end with `+Inf` and agree with its count.
 *
 * @throws {Error} Naming the line or the metric.
 */
export function parseExposition(text: string): Map<string, ScrapedMetric> {
  if (text !== "" && !text.endsWith("\n")) throw new Error("The last line must end in a line feed");
  const metrics = new Map<string, { type: ScrapedMetric["type"]; help: string; samples: ScrapedSample[] }>();
  let help: { name: string; text: string } | undefined;
  let current = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const comment = new RegExp(`^# (HELP|TYPE) (${metricName}) (.*)$`).exec(line);
    if (comment?.[1] === "HELP") {
      help = { name: comment[2]!, text: comment[3]! };
    } else if (comment) {
      const [, , name, type] = comment;
      if (help?.name !== name) throw new Error(`No HELP before ${line}`);
      if (metrics.has(name!)) throw new Error(`${name} comes twice`);
      if (type !== "counter" && type !== "gauge" && type !== "histogram") {
        throw new Error(`Bad type: ${line}`);
      }
      if (type === "counter" && !name!.endsWith("_total")) throw new Error(`${name} must end in _total`);
      metrics.set(name!, { type, help: help!.text, samples: [] });
      current = name!;
    } else {
      const sample = parseSample(line);
      const metric = metrics.get(current);
      const base = metric?.type === "histogram"
        ? sample.name.replace(/_(bucket|sum|count)$/, "")
        : sample.name;
      if (!metric || base !== current) throw new Error(`No TYPE before ${line}`);
      const key = JSON.stringify([sample.name, sample.labels]);
      if (metric.samples.some((other) => JSON.stringify([other.name, other.labels]) === key)) {
        throw new Error(`Twice: ${line}`);
      }
      metric.samples.push(sample);
    }
  }
  for (const [name, metric] of metrics) check(name, metric);
  return metrics;
}

function parseSample(line: string): ScrapedSample {
  const [, name, labels = "", written] = sampleLine.exec(line) ?? [];
  if (name === undefined) throw new Error(`No sample: ${line}`);
  const value = written === "+Inf" ? Infinity : Number(written);
  if (written === "" || Number.isNaN(value)) throw new Error(`No number: ${line}`);
  const parsed: Record<string, string> = {};
  labelText.lastIndex = 0;
  while (labelText.lastIndex < labels.length) {
    const match = labelText.exec(labels);
    if (match === null || match[1]! in parsed) throw new Error(`Bad labels: ${line}`);
    parsed[match[1]!] = match[2]!.replace(/\\(.)/g, (_, character) => character === "n" ? "\n" : character);
  }
  return { name, labels: parsed, value };
}

function check(name: string, { type, samples }: ScrapedMetric): void {
  if (type === "counter" && samples.some(({ value }) => value < 0)) throw new Error(`${name} is negative`);
  if (type !== "histogram") return;
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels }) => labels["le"] === "+Inf" ? Infinity : Number(labels["le"]));
  const rises = (values: number[], strictly: boolean) =>
    values.every((value, i) => i === 0 || (strictly ? value > values[i - 1]! : value >= values[i - 1]!));
  if (!rises(bounds, true) || bounds.at(-1) !== Infinity) throw new Error(`${name} has bad bounds`);
  if (!rises(buckets.map(({ value }) => value), false)) throw new Error(`${name} has falling buckets`);
  const count = samples.find((sample) => sample.name === `${name}_count`)?.value;
  if (count !== buckets.at(-1)!.value) throw new Error(`${name} has another count than its last bucket`);
  if (!samples.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name} has no sum`);
}
