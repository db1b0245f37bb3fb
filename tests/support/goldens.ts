import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FileTensor, readSafetensorsFile } from "./safetensors_file.ts";

/**
 * The reference vectors, found by walking folders: nothing here knows the name of a case or of a checkpoint.
 * `LLAMAV_GOLDENS=DIR` runs the same tests on another folder of the same layout (see
 * tests/goldens/README.md).
 */
export const goldensRoot: string = process.env.LLAMAV_GOLDENS || join(import.meta.dir, "../goldens");

/** One folder of `cases/<family>/`. */
export interface GoldenCase {
  readonly family: string;
  readonly name: string;
  readonly directory: string;
  /** Every checkpoint that must give these numbers; never empty. */
  readonly checkpoints: readonly GoldenCheckpoint[];
  readonly file: CaseFile;
}

export interface GoldenCheckpoint {
  readonly name: string;
  readonly directory: string;
}

/** `case.json`. Absent request: a raw prompt without messages. */
export interface CaseFile {
  readonly name: string;
  readonly checkpoints?: readonly string[];
  readonly request?: GoldenRequest | null;
  readonly template_messages?: readonly Record<string, unknown>[] | null;
  readonly date_string?: string;
  readonly prompt: string;
  readonly input_ids: readonly number[];
  readonly images: readonly GoldenImage[];
  /** `[begin, end)` rows of text that see each image; -1 stands for the end. */
  readonly visible_ranges: readonly (readonly [number, number])[];
  readonly greedy: GoldenGreedy;
  /** Two images or more: new tokens see no image. */
  readonly greedy_unseen?: GoldenGreedy;
}

export interface GoldenRequest {
  readonly messages: readonly Record<string, unknown>[];
  readonly tools?: readonly Record<string, unknown>[];
  readonly tools_in_user_message?: boolean;
}

export interface GoldenImage {
  readonly file: string;
  readonly rows: number;
  readonly cols: number;
  readonly aspect_ratio_id: number;
  readonly num_tiles: number;
  readonly resized: readonly [width: number, height: number];
}

export interface GoldenGreedy {
  readonly ids: readonly number[];
  readonly text: string;
  readonly min_margin: number;
  readonly first_stop: number | null;
}

/** Every case, or those of one family, in name order. */
export function goldenCases(family?: string): GoldenCase[] {
  const families = family === undefined ? folders(join(goldensRoot, "cases")) : [family];
  return families.flatMap((family) =>
    folders(join(goldensRoot, "cases", family))
      .filter((name) => existsSync(join(goldensRoot, "cases", family, name, "case.json")))
      .map((name) => goldenCase(family, name))
  );
}

/** One case; throws when it is not there. */
export function goldenCase(family: string, name: string): GoldenCase {
  const directory = join(goldensRoot, "cases", family, name);
  const file = JSON.parse(readFileSync(join(directory, "case.json"), "utf8")) as CaseFile;
  const checkpoints = goldenCheckpoints().filter((checkpoint) =>
    file.checkpoints ? file.checkpoints.includes(checkpoint.name) : checkpoint.name.startsWith(family)
  );
  if (checkpoints.length === 0) {
    throw new Error(`No checkpoint under "${goldensRoot}" for case "${directory}"`);
  }
  return { family, name, directory, checkpoints, file };
}

/** Every folder of `checkpoints/`, in name order. */
export function goldenCheckpoints(): GoldenCheckpoint[] {
  const parent = join(goldensRoot, "checkpoints");
  return folders(parent).map((name) => ({ name, directory: join(parent, name) }));
}

/** Path of a picture that a case names. */
export function goldenImagePath(file: string): string {
  return join(goldensRoot, "images", file);
}

/** A JSON file of the goldens by its path below the root, as `T` by the caller's word. */
export function goldenJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(goldensRoot, path), "utf8")) as T;
}

/** The numbers of one `expected.safetensors`, or of another file of the goldens. */
export class GoldenTensors {
  readonly #tensors: Map<string, FileTensor>;

  constructor(readonly path: string) {
    this.#tensors = readSafetensorsFile(path);
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#get(name).shape;
  }

  f32(name: string): Float32Array {
    const { data } = this.#get(name);
    if (!(data instanceof Float32Array)) throw new TypeError(`"${name}" of "${this.path}" is not F32`);
    return data;
  }

  bytes(name: string): Uint8Array {
    const { data } = this.#get(name);
    if (!(data instanceof Uint8Array)) throw new TypeError(`"${name}" of "${this.path}" is not U8`);
    return data;
  }

  /** I64 or I32 as plain numbers: the goldens hold ids, sizes and masks. */
  integers(name: string): number[] {
    const { data } = this.#get(name);
    if (data instanceof BigInt64Array || data instanceof Int32Array) return Array.from(data, Number);
    throw new TypeError(`"${name}" of "${this.path}" is neither I64 nor I32`);
  }

  #get(name: string): FileTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`"${this.path}" has no tensor "${name}"`);
    return tensor;
  }
}

/** The expected numbers of a case. */
export function expectedTensors(golden: GoldenCase): GoldenTensors {
  return new GoldenTensors(join(golden.directory, "expected.safetensors"));
}

function folders(parent: string): string[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
