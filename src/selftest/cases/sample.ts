import {
  type Choice,
  choiceWords,
  encodeChoice,
  notANumber,
  nothingAllowed,
  sample,
  sampleKernel,
} from "../../ops/sample.ts";
import * as reference from "../../reference/sample.ts";
import { exactly, type Expected, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

/** How a row is sampled, where it differs from greedy. */
export type SampleChoice = Partial<
  Pick<Choice, "temperature" | "topK" | "topP" | "minP" | "seed" | "position">
>;

const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: [1, 2], position: 0 } as const;

/**
 * Chooses once per entry of `choices`, the n-th from row `n mod rows`. Where rounding may decide, what the device
 * chose stands; what follows from the tokens is compared where none of them is such a one.
 */
export function sampleCase(
  name: string,
  logits: Float32Array,
  rows: number,
  choices: readonly SampleChoice[],
) {
  const columns = logits.length / rows;
  const outputs = choices.length;
  const whole = choices.map((choice, i): Choice => ({
    ...greedy,
    ...choice,
    logitsRow: i % rows,
    slot: outputs - 1 - i,
    counted: i % 2 === 0,
  }));
  return kernelCase({
    kernel: sampleKernel,
    name: `${name} R=${outputs} V=${columns}`,
    tensors: {
      logits: { dtype: "f32", shape: [rows, columns], data: logits },
      raw: { dtype: "f32", shape: [rows, columns], data: logits.map((value) => value / 2) },
      choices: {
        dtype: "u32",
        shape: [outputs, choiceWords],
        data: Uint32Array.from(whole.flatMap((choice) => [...encodeChoice(choice)])),
      },
      tokens: { dtype: "u32", shape: [outputs] },
      tokenLogits: { dtype: "f32", shape: [outputs] },
      sampled: { dtype: "u32", shape: [outputs] },
      counts: {
        dtype: "u32",
        shape: [outputs, columns],
        data: new Uint32Array(outputs * columns),
        inPlace: true,
      },
    },
    record: (cmd, { logits, raw, choices, tokens, tokenLogits, sampled, counts }) =>
      sample(cmd, logits, raw, choices, tokens, tokenLogits, sampled, counts, {
        draws: whole.some(({ temperature }) => temperature > 0),
      }),
    want: () => expected(logits, columns, whole),
  });
}

function expected(
  logits: Float32Array,
  columns: number,
  choices: readonly Choice[],
): Partial<Record<"tokens" | "tokenLogits" | "sampled" | "counts", Expected>> {
  const results = choices.map((choice) => {
    const row = logits.subarray(choice.logitsRow * columns, (choice.logitsRow + 1) * columns);
    const { token, certain } = reference.sample(row, choice);
    return { row, token: token ?? (row.some(Number.isNaN) ? notANumber : nothingAllowed), certain };
  });
  const tokens = results.map(({ token }) => token);
  const equalWhereCertain = (have: ArrayLike<number>, want: ArrayLike<number>) =>
    results.every(({ certain }, i) => !certain || have[i] === want[i]) ? 0 : Infinity;
  const chosen = { values: tokens, limit: 0, distance: equalWhereCertain };
  if (results.some(({ certain }) => !certain)) return { tokens: chosen };
  const counts = new Uint32Array(choices.length * columns);
  choices.forEach(({ slot, counted }, i) => {
    if (counted && tokens[i]! < columns) counts[slot * columns + tokens[i]!]!++;
  });
  const rest = { tokens: chosen, sampled: exactly(tokens.toReversed()), counts: exactly(counts) };
  if (tokens.some((token) => token >= columns)) return rest;
  return { ...rest, tokenLogits: exactly(results.map(({ row, token }) => row[token]! / 2)) };
}

/** Settings without pattern, every third of them greedy. */
export function randomChoices(count: number, seed: number): SampleChoice[] {
  const rng = random(seed);
  const maybe = (value: number, off: number) => rng.next() < 0.5 ? value : off;
  return Array.from({ length: count }, (_, i) => ({
    temperature: i % 3 === 2 ? 0 : 0.1 + 1.9 * rng.next(),
    topK: maybe(1 + rng.below(200), 0),
    topP: maybe(rng.next(), 1),
    minP: maybe(rng.next() / 4, 0),
    seed: [rng.below(2 ** 32), rng.below(2 ** 32)],
    position: rng.below(10_000),
  }));
}

/** The model's own vocabulary is among them: a driver that cuts long loops short shows there only. */
export function sampleCases(): KernelCase[] {
  const rng = random(1);
  return [
    sampleCase("greedy", rng.normals(3 * 556, 3), 3, [{}, {}, {}]),
    sampleCase("drawn", rng.normals(4 * 1025, 3), 4, randomChoices(12, 2)),
    sampleCase("drawn", rng.normals(128256, 3), 1, [{ temperature: 1, topK: 5000, topP: 0.9, minP: 0.001 }]),
    sampleCase("broken", Float32Array.of(1, NaN, 2, -Infinity, -Infinity, -Infinity), 2, [{}, {}]),
  ];
}
