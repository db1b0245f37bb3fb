import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import type { EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { SimEngine, simImageToken } from "../../src/engine/sim_engine.ts";
import { random } from "../../src/selftest/random.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { expectInvariants, expectNothingHeld } from "./invariants.ts";
import { blankImage } from "./sequences.ts";

setDefaultTimeout(testLimitMs);

function request(id: number, length: number, more: Partial<EngineRequest> = {}): EngineRequest {
  const images = more.images ?? [];
  const text = Array.from({ length }, (_, i) => (i * 7 + id) % 1000);
  const tokens = [...images.map(() => simImageToken), ...text];
  return { id, tokens, images, sampling: greedy, maxTokens: 6, stopIds: [], ...more };
}

test("500 streams dropped at random points, ten times, leave nothing behind (O01)", () => {
  const engine = SimEngine.open({
    maxQueued: 500,
    limits: { maxSequences: 8, kvTokens: 512, chunkSize: 32, imageTiles: 8 },
  });
  const data = random(5);
  const heap: number[] = [];
  for (let round = 0; round < 10; round++) {
    const drops = new Map<number, number>();
    for (let id = 0; id < 500; id++) {
      const images = data.below(3) === 0 ? [blankImage(`picture ${data.below(6)}`, 1 + data.below(2))] : [];
      const n = 1 + data.below(3);
      const client = { caller: `${id % 7}`, user: `${id % 2}` };
      engine.add(request(id, 1 + data.below(40), { images, n, maxTokens: 80, client }));
      drops.set(id, data.below(400));
    }
    for (let now = 0; drops.size > 0; now++) {
      engine.step();
      expectInvariants(engine);
      for (const [id, at] of drops) {
        if (at > now) continue;
        engine.abort(id);
        drops.delete(id);
      }
    }
    engine.step();
    expectNothingHeld(engine);
    Bun.gc(true);
    heap.push(process.memoryUsage().heapUsed);
  }
  expect(heap[9]! - heap[2]!).toBeLessThan(2e6);
}, testLimitMs);

test("10,000 steps take no memory that stays", () => {
  const engine = SimEngine.open({ limits: { maxSequences: 8, kvTokens: 1024, chunkSize: 32 } });
  const heap: number[] = [];
  for (let step = 0; step < 10_000; step++) {
    while (engine.scheduler.running.length + engine.scheduler.waiting.count < 8) {
      engine.add(request(1000 + engine.stats.requests, 20 + step % 30, { maxTokens: 60 }));
    }
    engine.step();
    if (step % 2000 !== 1999) continue;
    Bun.gc(true);
    heap.push(process.memoryUsage().heapUsed);
  }
  expect(heap[4]! - heap[1]!).toBeLessThan(5e5);
}, testLimitMs);
