import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Client } from "../../src/base/turns.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { ImageLoader } from "../../src/images/image_loader.ts";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { bmp } from "./files.ts";
import { startPictureServer } from "./picture_server.ts";

setDefaultTimeout(testLimitMs);

const server = startPictureServer();
afterAll(() => server[Symbol.dispose]());

const by = (caller: string): Client => ({ caller, user: "" });

describe("O13 clients take turns", () => {
  test("for the places where pictures are fetched", async () => {
    const loader = new ImageLoader({ remote: true, privateAddresses: true });
    const leaving = new AbortController();
    const load = (path: string, caller: string, signal?: AbortSignal) =>
      loader.load(`http://${server.address}/${path}`, signal, by(caller)).catch(() => {});
    const count = (path: string) => server.requests.filter((request) => request.endsWith(path)).length;
    // They are never answered. Half of the sixteen places, and a long line behind them; then half of the rest.
    const flood = Array.from({ length: 48 }, () => load("silent", "flood", leaving.signal));
    const second = Array.from({ length: 48 }, () => load("silent_too", "second", leaving.signal));
    await until(() => count("/silent") === 8 && count("/silent_too") === 4);
    await Promise.all(Array.from({ length: 6 }, () => load("calm", "calm")));
    expect([count("/silent"), count("/silent_too"), count("/calm")]).toEqual([8, 4, 6]);
    leaving.abort(new Error("gone"));
    await Promise.all([...flood, ...second]);
  });

  test("and while pictures are decoded", async () => {
    const file = bmp({ width: 64, height: 64, bits: 24, rows: Array(64).fill(Array(64 * 3).fill(9)) });
    const order: string[] = [];
    const decode = async (caller: string) => {
      await decodeImage(file, { client: by(caller) });
      order.push(caller);
    };
    await Promise.all([...Array.from({ length: 40 }, () => decode("flood")), decode("calm")]);
    // Four run at most; of those that wait the calm one is the second.
    expect(order.indexOf("calm")).toBeLessThan(12);
  });
});
