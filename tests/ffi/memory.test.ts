import { expect, test } from "bun:test";
import { viewMemory } from "../../ffi/posix.ts";
import {
  addressOf,
  allocate,
  blank,
  cString,
  handles,
  pack,
  pointers,
  unpack,
  words,
} from "../../ffi/struct.ts";
import { VkApplicationInfo, VkInstanceCreateInfo } from "../../ffi/vulkan.gen.ts";

/** Makes and drops garbage of the sizes of structs, so that freed memory is soon used again. */
function churn(): void {
  for (let round = 0; round < 20; round++) {
    const garbage = Array.from(
      { length: 2000 },
      (_, i) => new Uint8Array(new ArrayBuffer(8 + i % 64)).fill(0xee),
    );
    if (garbage.length === 0) throw new Error("unreachable");
    Bun.gc(true);
  }
}

test("pack() keeps what it points to alive as long as the struct, through two levels", () => {
  const infos = Array.from({ length: 50 }, (_, index) =>
    pack(VkInstanceCreateInfo, {
      pApplicationInfo: pack(VkApplicationInfo, { pApplicationName: cString(`name ${index}`) }),
    }));
  churn();
  const names = infos.map((info) => {
    const { pApplicationInfo } = unpack(VkInstanceCreateInfo, info);
    const application = unpack(VkApplicationInfo, viewMemory(pApplicationInfo, VkApplicationInfo.size));
    return Buffer.from(viewMemory(application.pApplicationName, 8)).toString().split("\0")[0];
  });
  expect(names).toEqual(infos.map((_, index) => `name ${index}`));
});

test("addresses of small memory stay true when its buffer is touched", () => {
  for (const memory of [allocate(8), handles(1), words(2), handles([5n]), words([1, 2])]) {
    const before = addressOf(memory);
    expect(memory.buffer.byteLength).toBeGreaterThan(0);
    churn();
    expect(addressOf(memory)).toBe(before);
  }
});

test("pointers() holds the addresses of its items in order", () => {
  const items = [cString("a"), cString("b")];
  const view = new DataView(pointers(items).buffer);
  expect(items.map((_, i) => Number(view.getBigUint64(i * 8, true)))).toEqual(items.map(addressOf));
});

test("blank() chains structs through pNext", () => {
  const inner = blank(VkApplicationInfo);
  const outer = blank(VkInstanceCreateInfo, 1, inner);
  expect(unpack(VkInstanceCreateInfo, outer).pNext).toBe(addressOf(inner));
});
