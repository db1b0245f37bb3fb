import { expect, test } from "bun:test";
import { LibraryError, openLibrary } from "../../ffi/library.ts";
import { check, VulkanError } from "../../ffi/vulkan.ts";
import { VkResult } from "../../ffi/vulkan.gen.ts";

test("check() passes successes on and throws errors by name", () => {
  expect(check(VkResult.VK_TIMEOUT, "vkWaitSemaphores")).toBe(VkResult.VK_TIMEOUT);
  const failing = () => check(VkResult.VK_ERROR_DEVICE_LOST, "vkQueueSubmit");
  expect(failing).toThrow(VulkanError);
  expect(failing).toThrow("vkQueueSubmit returned VK_ERROR_DEVICE_LOST");
  expect(() => check(-12345, "vkFoo")).toThrow("vkFoo returned VkResult -12345");
});

test("openLibrary() says why each candidate was refused", () => {
  const none = () => openLibrary(["libno_such_one.so", "libno_such_two.so"], {});
  expect(none).toThrow(LibraryError);
  expect(none).toThrow(/libno_such_one\.so: .*; libno_such_two\.so: /s);
});

test("openLibrary() skips a library that lacks a function", () => {
  const signatures = { llamav_has_no_such_function: { args: [], returns: "void" } } as const;
  expect(() => openLibrary(["libc.so.6"], signatures)).toThrow(LibraryError);
});

test("openLibrary() gives functions that call through the interceptor", () => {
  const calls: string[] = [];
  const signatures = { abs: { args: ["i32"], returns: "i32" } } as const;
  const candidates = ["libc.so.6", "libSystem.B.dylib"];
  const { name, functions } = openLibrary(candidates, signatures, (name, call) => (...args) => {
    calls.push(name);
    return call(...args);
  });
  expect(candidates).toContain(name);
  expect(functions.abs(-7)).toBe(7);
  expect(calls).toEqual(["abs"]);
});
