import type { Arg, BufferArg, Kernel, ScalarArg } from "./kernel.ts";

type Named<A> = readonly (readonly [name: string, arg: A])[];

/** Recording asks for these lists at every dispatch, so they are made once per kernel. */
const lists = new WeakMap<
  Kernel,
  { readonly buffers: Named<BufferArg>; readonly scalars: Named<ScalarArg> }
>();

/** The kernel's buffer arguments in binding order. */
export function bufferArgs(kernel: Kernel): Named<BufferArg> {
  return argsOf(kernel).buffers;
}

/** The kernel's scalar arguments in the order of the push-constant block. */
export function scalarArgs(kernel: Kernel): Named<ScalarArg> {
  return argsOf(kernel).scalars;
}

function argsOf(kernel: Kernel) {
  let found = lists.get(kernel);
  if (!found) {
    const entries = Object.entries(kernel.args);
    found = { buffers: entries.filter(isBuffer), scalars: entries.filter(isScalar) };
    lists.set(kernel, found);
  }
  return found;
}

function isBuffer(entry: [string, Arg]): entry is [string, BufferArg] {
  return typeof entry[1] !== "string";
}

function isScalar(entry: [string, Arg]): entry is [string, ScalarArg] {
  return typeof entry[1] === "string";
}
