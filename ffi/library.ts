import { dlopen, type FFIFunction, linkSymbols, type Pointer } from "bun:ffi";
import type { Pointable } from "./struct.ts";

/** Types of arguments and results of native functions. 64-bit integers are bigint or number going in. */
export type NativeType = "void" | "i32" | "u32" | "u64" | "f32" | "ptr";
export interface Signature {
  readonly args: readonly NativeType[];
  readonly returns: NativeType;
}
export type Signatures = Readonly<Record<string, Signature>>;

interface ArgumentTypes {
  void: never;
  i32: number;
  u32: number;
  u64: bigint | number;
  f32: number;
  ptr: Pointable;
}
interface ResultTypes {
  void: void;
  i32: number;
  u32: number;
  u64: bigint;
  f32: number;
  ptr: number | null;
}
type Arguments<A extends readonly NativeType[]> = { -readonly [I in keyof A]: ArgumentTypes[A[I]] };
/** A table of native functions as TypeScript calls them. */
export type Functions<S extends Signatures> = {
  readonly [N in keyof S]: (...args: Arguments<S[N]["args"]>) => ResultTypes[S[N]["returns"]];
};
type NativeFunction = (...args: (Pointable | bigint)[]) => number | bigint | null | void;
/**
 * Wraps each native function when its table is linked. The one place through which all calls go: fault
 * injection and call counting hook in here, at no cost when absent.
 */
export type Intercept = (name: string, call: NativeFunction) => NativeFunction;

/** None of a library's candidate names could be opened. `attempts` says why, one line per name. */
export class LibraryError extends Error {
  override readonly name = "LibraryError";
  constructor(readonly attempts: readonly string[]) {
    super(`Cannot open any of these libraries: ${attempts.join("; ")}`);
  }
}

/** An open library. */
export interface Library<S extends Signatures> {
  /** The candidate that was opened. */
  readonly name: string;
  readonly functions: Functions<S>;
}

/**
 * Opens the first candidate that the system's loader finds and that has all the functions.
 *
 * @throws {LibraryError} If none does.
 */
export function openLibrary<S extends Signatures>(
  candidates: readonly string[],
  signatures: S,
  intercept?: Intercept,
): Library<S> {
  const attempts: string[] = [];
  for (const candidate of candidates) {
    try {
      const { symbols } = dlopen(candidate, nativeDeclarations(signatures));
      return { name: candidate, functions: wrap<S>(symbols, intercept) };
    } catch (error) {
      attempts.push(`${candidate}: ${error instanceof Error ? error.message : error}`);
    }
  }
  throw new LibraryError(attempts);
}

/** Makes a table of functions from their addresses. */
export function linkFunctions<S extends Signatures>(
  signatures: S,
  addressOfFunction: (name: string) => number,
  intercept?: Intercept,
): Functions<S> {
  const declarations = nativeDeclarations(signatures, addressOfFunction);
  return wrap<S>(linkSymbols(declarations).symbols, intercept);
}

function nativeDeclarations(
  signatures: Signatures,
  addressOfFunction?: (name: string) => number,
): Record<string, FFIFunction> {
  return Object.fromEntries(
    Object.entries(signatures).map(([name, { args, returns }]) => [
      name,
      { args, returns, ...(addressOfFunction && { ptr: addressOfFunction(name) as Pointer }) },
    ]),
  );
}

function wrap<S extends Signatures>(symbols: object, intercept: Intercept | undefined): Functions<S> {
  // bun:ffi's own types describe enum values and branded pointers; ours describe the same calls.
  const table = symbols as Record<string, NativeFunction>;
  if (!intercept) return { ...table } as unknown as Functions<S>;
  const wrapped = Object.entries(table).map(([name, call]) => [name, intercept(name, call)]);
  return Object.fromEntries(wrapped) as Functions<S>;
}
