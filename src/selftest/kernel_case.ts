import type { Device } from "../gpu/device.ts";
import type { Kernel } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import { firstDifference, maxAbsError, relativeL2 } from "./compare.ts";
import { type ArraysOf, runOp, type Specs, type TensorsOf } from "./run_op.ts";

/** What a tensor must hold after the run, and how far from it the result may be. */
export interface Expected {
  readonly values: ArrayLike<number>;
  readonly limit: number;
  /** 0 for equal, infinite where one is NaN and the other is not. */
  readonly distance: (have: ArrayLike<number>, want: ArrayLike<number>) => number;
}

/** ‖have - want‖₂ / ‖want‖₂ is at most `limit`. */
export function within(limit: number, values: ArrayLike<number>): Expected {
  return { values, limit, distance: relativeL2 };
}

/** No element differs by more than `limit`. */
export function eachWithin(limit: number, values: ArrayLike<number>): Expected {
  return { values, limit, distance: maxAbsError };
}

/** The same bits; any NaN equals any other. */
export function exactly(values: ArrayLike<number>): Expected {
  return { values, limit: 0, distance: (have, want) => firstDifference(have, want) === -1 ? 0 : Infinity };
}

/** How far one output was from what the reference says. */
export interface Measurement {
  readonly tensor: string;
  readonly error: number;
  readonly limit: number;
}

/** One run of an operation on seeded data, with the truth to compare it with. For `doctor` and for the tests. */
export interface KernelCase<S extends Specs = Specs> {
  /** The kernel that it judges. */
  readonly kernel: Kernel;
  /** Sizes and dtype, such as `bf16 T=1 K=36 N=24`. */
  readonly name: string;
  /**
   * Runs it and returns what all tensors hold then.
   *
   * @throws {DeviceError} If the kernel wrote where it must not, or the device fails.
   */
  run(device: Device): ArraysOf<S>;
  /** Runs it and compares each output with the reference. Throws like `run`. */
  measure(device: Device): readonly Measurement[];
}

export interface CaseParts<S extends Specs> {
  readonly kernel: KernelCase["kernel"];
  readonly name: string;
  readonly tensors: S;
  readonly record: (cmd: Recorder, tensors: TensorsOf<S>) => void;
  /** The truth, computed when it is asked for. */
  readonly want: () => Partial<Record<keyof S & string, Expected>>;
}

export function kernelCase<const S extends Specs>(parts: CaseParts<S>): KernelCase<S> {
  const { kernel, name, tensors, record, want } = parts;
  const run = (device: Device) => runOp(device, tensors, record);
  return {
    kernel,
    name,
    run,
    measure(device) {
      const have: Readonly<Record<string, ArrayLike<number>>> = run(device);
      return Object.entries<Expected | undefined>(want()).flatMap(([tensor, expected]) => {
        if (expected === undefined) return [];
        const { values, limit, distance } = expected;
        return [{ tensor, error: distance(have[tensor]!, values), limit }];
      });
    },
  };
}
