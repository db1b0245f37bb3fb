/** Values by size: `counts[i]` values were at most `bounds[i]`, the last one counts what is larger. */
export interface HistogramValues {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

export type Labels = Readonly<Record<string, string>>;

/** One value of a metric, and what tells it from the metric's other values. */
export type Sample = readonly [value: number, labels?: Labels];

/** The media type that `Exposition.text` is served with. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** Writes metrics in Prometheus' text format, version 0.0.4. Each metric is written once, with all its samples. */
export class Exposition {
  readonly #lines: string[] = [];

  /** @param common labels that every sample gets */
  constructor(readonly common: Labels = {}) {}

  /** What only grows, from 0 at the start of the process or the engine. Its name ends in `_total`. */
  counter(name: string, help: string, ...samples: readonly Sample[]): void {
    this.#metric(name, "counter", help);
    for (const [value, labels] of samples) this.#sample(name, labels, value);
  }

  /** What goes up and down. */
  gauge(name: string, help: string, ...samples: readonly Sample[]): void {
    this.#metric(name, "gauge", help);
    for (const [value, labels] of samples) this.#sample(name, labels, value);
  }

  /** @param scale what values are multiplied with, 0.001 for milliseconds */
  histogram(name: string, help: string, { bounds, counts, sum }: HistogramValues, scale = 1): void {
    this.#metric(name, "histogram", help);
    let total = 0;
    for (const [index, count] of counts.entries()) {
      total += count;
      const bound = bounds[index] === undefined ? Infinity : bounds[index] * scale;
      this.#sample(`${name}_bucket`, { le: formatNumber(bound) }, total);
    }
    this.#sample(`${name}_sum`, undefined, sum * scale);
    this.#sample(`${name}_count`, undefined, total);
  }

  text(): string {
    return this.#lines.join("");
  }

  #metric(name: string, type: string, help: string): void {
    this.#lines.push(
      `# HELP ${name} ${help.replace(/[\\\n]/g, escapeCharacter)}\n`,
      `# TYPE ${name} ${type}\n`,
    );
  }

  #sample(name: string, labels: Labels | undefined, value: number): void {
    const all = Object.entries({ ...this.common, ...labels })
      .map(([key, text]) => `${key}="${text.replace(/[\\"\n]/g, escapeCharacter)}"`);
    this.#lines.push(`${name}${all.length > 0 ? `{${all.join(",")}}` : ""} ${formatNumber(value)}\n`);
  }
}

function escapeCharacter(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

/** Scaled bounds such as 0.1 * 0.001 are no round numbers: ten digits are what was meant. */
function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(10)));
}
