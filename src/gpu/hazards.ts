import type { GpuBuffer } from "./memory.ts";

/** Bytes `[begin, end)` of a buffer that a command reads, writes, or both. */
export interface ByteAccess {
  readonly buffer: GpuBuffer;
  readonly begin: number;
  readonly end: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

interface Range {
  readonly begin: number;
  readonly end: number;
}

interface Touched {
  readonly read: Range[];
  readonly written: Range[];
}

/**
 * Says when a barrier is due: a command touches bytes that were written since the last one, or writes bytes
 * that were read. Without such an overlap commands may run side by side.
 */
export class HazardTracker {
  readonly #touched = new Map<GpuBuffer, Touched>();

  /**
   * Notes one command's accesses. Accesses of one command never conflict with each other.
   *
   * @returns Whether a barrier must come before it; everything noted earlier is then forgotten.
   */
  add(accesses: readonly ByteAccess[]): boolean {
    const conflict = accesses.some((access) => this.#conflicts(access));
    if (conflict) this.#touched.clear();
    for (const access of accesses) this.#note(access);
    return conflict;
  }

  #conflicts({ buffer, begin, end, writes }: ByteAccess): boolean {
    const touched = this.#touched.get(buffer);
    if (!touched) return false;
    const overlaps = (range: Range): boolean => range.begin < end && begin < range.end;
    return touched.written.some(overlaps) || (writes && touched.read.some(overlaps));
  }

  #note({ buffer, begin, end, reads, writes }: ByteAccess): void {
    let touched = this.#touched.get(buffer);
    if (!touched) this.#touched.set(buffer, touched = { read: [], written: [] });
    if (writes) touched.written.push({ begin, end });
    else if (reads) touched.read.push({ begin, end });
  }
}
