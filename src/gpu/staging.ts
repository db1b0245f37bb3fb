import { assert } from "../base/assert.ts";
import type { Device } from "./device.ts";
import { Arena, planBytes } from "./memory.ts";
import { Recorder, type Recording } from "./recorder.ts";
import { type Tensor, tensorBytes } from "./tensor.ts";

/** Memory to fill. */
export interface UploadTarget {
  readonly bytes: Uint8Array;
}

interface Slot {
  readonly tensor: Tensor<"u8">;
  /** The copy that reads the slot, until it is known to have ended. */
  recording: Recording | undefined;
}

const slotCount = 4;
const defaultRingBytes = 64 * 2 ** 20;

/**
 * Brings bytes into tensors. Where the device's memory is mapped they are written in place, so weights exist
 * once; elsewhere they go through a ring of staging slots, and the host fills one while the device copies the
 * others.
 */
export class Uploader {
  readonly #device: Device;
  readonly #ringBytes: number;
  #arena: Arena | undefined;
  #slots: Slot[] = [];
  #next = 0;
  #disposed = false;

  /** @param ringBytes Size of the staging ring; it is allocated only if a tensor needs it */
  constructor(device: Device, ringBytes: number = defaultRingBytes) {
    this.#device = device;
    this.#ringBytes = ringBytes;
  }

  /**
   * Fills `byteLength` bytes of a tensor, beginning at `byteOffset`.
   *
   * @param fill Called for each window in order; it must fill all of `bytes`, which are gone when it
   *   returns.
   */
  write(tensor: Tensor, byteOffset: number, byteLength: number, fill: (target: UploadTarget) => void): void {
    assert(0 <= byteOffset && byteOffset + byteLength <= tensorBytes(tensor), `write beyond ${tensor.name}`);
    assert(!this.#disposed, "The uploader is disposed");
    const { buffer, offset } = tensor;
    if (buffer.mapped) return fill({ bytes: buffer.view(offset + byteOffset, byteLength) });
    for (let done = 0; done < byteLength;) {
      const slot = this.#takeSlot();
      const length = Math.min(byteLength - done, slot.tensor.shape[0]!);
      this.#writeWindow(slot, bytesOf(tensor, byteOffset + done, length), fill);
      done += length;
    }
  }

  /** Waits until everything written is on the device. */
  flush(): void {
    for (const slot of this.#slots) this.#retire(slot);
  }

  /** Frees the ring, after the copies that still run. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const slot of this.#slots) slot.recording?.dispose();
    this.#arena?.dispose();
  }

  #writeWindow(slot: Slot, destination: Tensor<"u8">, fill: (target: UploadTarget) => void): void {
    const length = destination.shape[0]!;
    const source = bytesOf(slot.tensor, 0, length);
    fill({ bytes: source.buffer.view(source.offset, length) });
    using cmd = new Recorder(this.#device);
    cmd.copy(source, destination);
    slot.recording = cmd.finish();
    this.#device.queue.submit(slot.recording);
  }

  #takeSlot(): Slot {
    if (this.#slots.length === 0) this.#slots = this.#allocate();
    const slot = this.#slots[this.#next]!;
    this.#next = (this.#next + 1) % slotCount;
    this.#retire(slot);
    return slot;
  }

  #retire(slot: Slot): void {
    if (!slot.recording) return;
    this.#device.queue.wait(slot.recording.latestValue);
    slot.recording.dispose();
    slot.recording = undefined;
  }

  #allocate(): Slot[] {
    const shape = [Math.max(1, Math.floor(this.#ringBytes / slotCount))];
    const plan = Array.from({ length: slotCount }, () => ({ dtype: "u8", shape }) as const);
    const arena = this.#arena = new Arena(this.#device, "staging", planBytes(plan), "upload");
    return plan.map((_, index) => ({
      tensor: arena.tensor(`slot ${index}`, "u8", shape),
      recording: undefined,
    }));
  }
}

/** A range of a tensor's bytes, whatever its dtype. */
function bytesOf(tensor: Tensor, byteOffset: number, byteLength: number): Tensor<"u8"> {
  return { ...tensor, dtype: "u8", shape: [byteLength], offset: tensor.offset + byteOffset };
}
