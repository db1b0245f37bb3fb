import { expect, test } from "bun:test";
import {
  describeDefault,
  environmentName,
  parseSetting,
  type Setting,
  settings,
} from "../../src/runtime/options.ts";

const all: Setting[] = Object.values(settings);

test("every setting has a help line, and limits that hold its default", () => {
  for (const setting of all) {
    expect(setting.help).toMatch(/^[^\n]+[^.\n]$/);
    if (setting.kind !== "number" && setting.kind !== "integer") continue;
    expect(setting.minimum).toBeLessThan(setting.maximum);
    if (setting.fallback !== undefined) {
      expect(parseSetting(setting, String(setting.fallback))).toBe(setting.fallback);
    }
  }
});

test("environmentName() follows the flag", () => {
  expect(environmentName(settings.huggingfaceRepoId)).toBe("LLAMAV_HUGGINGFACE_REPO_ID");
});

test("parseSetting() reads numbers within their limits, ends included", () => {
  expect(parseSetting(settings.temperature, "0")).toBe(0);
  expect(parseSetting(settings.temperature, "2")).toBe(2);
  expect(parseSetting(settings.presencePenalty, "-1.5")).toBe(-1.5);
  expect(parseSetting(settings.seed, "9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
});

test("parseSetting() refuses what is no such number", () => {
  for (const text of ["", " ", "x", "NaN", "Infinity", "1e400", "2.01", "-0.01", "1,5"]) {
    expect(() => parseSetting(settings.temperature, text)).toThrow(
      `must be a number from 0 to 2, not "${text}"`,
    );
  }
  for (const text of ["1.5", "-1", "9007199254740992"]) {
    expect(() => parseSetting(settings.seed, text)).toThrow("must be a whole number");
  }
});

test("parseSetting() reads the usual words for on and off", () => {
  expect(["1", "true", "YES", "on"].map((text) => parseSetting(settings.steps, text))).toEqual(
    Array(4).fill(true),
  );
  expect(["0", "false", "No", "off"].map((text) => parseSetting(settings.steps, text))).toEqual(
    Array(4).fill(false),
  );
  expect(() => parseSetting(settings.steps, "maybe")).toThrow("must be yes or no");
});

test("describeDefault() names the fixed value, or what happens instead", () => {
  expect(describeDefault(settings.port)).toBe("8000");
  expect(describeDefault(settings.temperature)).toBe("the model's own");
  expect(describeDefault(settings.steps)).toBeUndefined();
});
