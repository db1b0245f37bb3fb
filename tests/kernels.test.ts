import { beforeAll, describe, expect, test } from "bun:test";
import { elementBytes } from "../src/gpu/arguments.ts";
import type { Access, Arg, Element } from "../src/gpu/kernel.ts";
import { bufferArgs, scalarArgs } from "../src/gpu/kernel_args.ts";
import { ShaderLibrary } from "../src/gpu/shader_library.ts";
import { kernels } from "../src/ops/registry.ts";
import { buildShaders } from "../tools/build_shaders.ts";
import { type ReflectedShader, reflectShader } from "./support/spirv.ts";

/** What the smallest device must offer to run every kernel: performance notes, "limits that bite". */
const leastPushConstantBytes = 128;

let library: ShaderLibrary;
beforeAll(() => {
  expect(buildShaders()).toEqual([]);
  library = ShaderLibrary.load();
});

const spirvElement: Readonly<Record<Element, string>> = {
  f32: "f32",
  f32x2: "f32x2",
  f32x4: "f32x4",
  u32: "u32",
  words: "u32",
  words2: "u32x2",
  words4: "u32x4",
};
const can: Readonly<Record<Access, { readable: boolean; writable: boolean }>> = {
  read: { readable: true, writable: false },
  write: { readable: false, writable: true },
  readWrite: { readable: true, writable: true },
};

test("the registry and the compiled shaders name the same kernels, each once", () => {
  expect(kernels.map(({ shader }) => shader).toSorted()).toEqual(Array.from(library.names).toSorted());
});

describe.each(kernels.map((kernel) => [kernel.shader, kernel] as const))("shader %s", (shader, kernel) => {
  let reflected: ReflectedShader;
  beforeAll(() => {
    reflected = reflectShader(library.get(shader));
  });

  test("has the declared buffers: binding, name, element, access", () => {
    const declared = bufferArgs(kernel).map(([name, { element, access }], binding) => ({
      set: 0,
      binding,
      name,
      element: spirvElement[element],
      elementStride: elementBytes[element],
      ...can[access],
    }));
    expect([...reflected.buffers]).toEqual(declared);
  });

  test("has the declared scalars as push constants, within 128 bytes", () => {
    const scalarType: Readonly<Record<Extract<Arg, string>, string>> = { u32: "u32", i32: "i32", f32: "f32" };
    const declared = scalarArgs(kernel).map(([name, type], i) => ({
      name,
      offset: i * 4,
      type: scalarType[type],
    }));
    expect([...reflected.scalars]).toEqual(declared);
    expect(declared.length * 4).toBeLessThanOrEqual(leastPushConstantBytes);
  });

  test("has the declared specialization constants: id, name, default", () => {
    const declared = Object.entries(kernel.spec).map(([name, initial], id) => ({ id, name, initial }));
    expect(reflected.constants.map(({ id, name, initial }) => ({ id, name, initial }))).toEqual(declared);
    for (const { type } of reflected.constants) expect(["u32", "i32", "bool"]).toContain(type);
  });

  test("takes its workgroup size from constant 0, WORKGROUP_SIZE", () => {
    expect(Object.keys(kernel.spec)[0]).toBe("WORKGROUP_SIZE");
    expect(reflected.workgroupSizeId).toBe(0);
  });
});
