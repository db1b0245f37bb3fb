import process from "node:process";
import type { Intercept } from "../../../ffi/library.ts";
import { deviceCommands, globalCommands, instanceCommands, VkResult } from "../../../ffi/vulkan.gen.ts";

const signatures = { ...globalCommands, ...instanceCommands, ...deviceCommands };
const commands = Object.keys(signatures);

/** Results that a command may be made to return, and two ways in which a thread can break in the middle of a call. */
const actions = {
  "device lost": VkResult.VK_ERROR_DEVICE_LOST,
  "out of device memory": VkResult.VK_ERROR_OUT_OF_DEVICE_MEMORY,
  "out of host memory": VkResult.VK_ERROR_OUT_OF_HOST_MEMORY,
  "exception": 1,
  "thread end": 2,
} as const;

export type FaultAction = keyof typeof actions;

/** What is to happen at the n-th call of a command, counted from 1 since it was armed. */
export interface Fault {
  readonly command: string;
  readonly occurrence: number;
  readonly action: FaultAction;
}

/** Kinds of objects that are counted, by the command that makes or destroys them. */
const kindOf = new Map(commands.flatMap((name) => {
  const kind = /^vk(?:Create|Destroy|Allocate|Free)(?:Compute)?(\w+?)s?$/.exec(name)?.[1];
  return kind ? [[name, kind] as const] : [];
}));
const kinds = [...new Set(kindOf.values())];

const mostFaults = 4;
const at = { armed: 0, fired: 1, mostDevices: 2, faults: 3, counts: 3 + 3 * mostFaults };
const liveAt = at.counts + commands.length;
const leftAt = liveAt + kinds.length;

/**
 * Lets Vulkan commands fail on another thread and counts calls and objects there, over memory that both threads see.
 * Faults that are armed together happen one after the other.
 */
export class FaultControl {
  readonly #words: Int32Array;

  constructor(readonly memory = new SharedArrayBuffer((leftAt + kinds.length) * 4)) {
    this.#words = new Int32Array(memory);
  }

  /** Commands that can report an error, and so can be made to. */
  static canFail(command: string): boolean {
    return signatures[command as keyof typeof signatures].returns === "i32";
  }

  arm(...faults: readonly Fault[]): void {
    for (const [i, { command, occurrence, action }] of faults.entries()) {
      this.#words.set([commands.indexOf(command), occurrence, actions[action]], at.faults + 3 * i);
    }
    this.#words[at.fired] = 0;
    Atomics.store(this.#words, at.armed, faults.length);
  }

  disarm(): void {
    Atomics.store(this.#words, at.armed, 0);
  }

  /** Faults that have happened since `arm`. */
  get fired(): number {
    return Atomics.load(this.#words, at.fired);
  }

  /** Objects by kind that were there when their instance was destroyed, since the last time: leaks. */
  takeLeftOver(): Map<string, number> {
    const left = kinds.map((kind, i) => [kind, Atomics.exchange(this.#words, leftAt + i, 0)] as const);
    return new Map(left.filter(([, count]) => count !== 0));
  }

  /** Most devices that were there at the same time. */
  get mostDevices(): number {
    return Atomics.load(this.#words, at.mostDevices);
  }

  /** Calls by command since the last time. */
  takeCounts(): Map<string, number> {
    const counts = commands.map((name, i) => [name, this.#words[at.counts + i]!] as const);
    this.#words.fill(0, at.counts, liveAt);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  /** Objects of a kind, such as "Memory", that are there now. */
  live(kind: string): number {
    return Atomics.load(this.#words, liveAt + kinds.indexOf(kind));
  }

  readonly intercept: Intercept = (name, call) => {
    const command = commands.indexOf(name);
    if (command < 0) return call;
    return (...args) => {
      this.#words[at.counts + command]!++;
      const action = this.#due(command);
      if (action === actions["thread end"]) process.exit(1);
      if (action > 0) throw new TypeError(`${name} met a fault that was planted`);
      // A lost device runs nothing any more: what this one really computes must come to its end.
      if (action < 0 && name === "vkDeviceWaitIdle") call(...args);
      if (action < 0) return action;
      if (name === "vkDestroyInstance") this.#countLeftOver();
      const result = call(...args);
      if (typeof result !== "number" || result >= 0) this.#countObjects(name, args);
      return result;
    };
  };

  /** What is to happen at this call; 0: nothing. */
  #due(command: number): number {
    const words = this.#words;
    const next = Atomics.load(words, at.fired);
    if (next >= Atomics.load(words, at.armed)) return 0;
    const fault = at.faults + 3 * next;
    if (words[fault] !== command || --words[fault + 1]! > 0) return 0;
    Atomics.add(words, at.fired, 1);
    return words[fault + 2]!;
  }

  #countObjects(name: string, args: readonly unknown[]): void {
    const kind = kindOf.get(name);
    if (!kind) return;
    const word = liveAt + kinds.indexOf(kind);
    if (/^vk(Create|Allocate)/.test(name)) {
      const live = Atomics.add(this.#words, word, 1) + 1;
      if (kind === "Device") this.#words[at.mostDevices] = Math.max(this.#words[at.mostDevices]!, live);
    } else if (name === "vkFreeCommandBuffers") {
      Atomics.sub(this.#words, word, Number(args[2]));
    } else if (args.length < 3 || args[1] !== 0n) { // destroying a null handle does nothing
      Atomics.sub(this.#words, word, 1);
    }
  }

  #countLeftOver(): void {
    for (const [i, kind] of kinds.entries()) {
      if (kind === "Instance") continue;
      Atomics.add(this.#words, leftAt + i, Atomics.exchange(this.#words, liveAt + i, 0));
    }
  }
}
