/** Row I11 of the security notes: small files that would be large pictures, made here and refused before they are one. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { RequestError } from "../../src/base/errors.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { bmp, gif, plainPng } from "./files.ts";

setDefaultTimeout(testLimitMs);

/** What a decoder would take for the smallest of them: 16,000 x 16,000 pixels of four bytes. */
const decodedBytes = 16_000 ** 2 * 4;

const bombs: [what: string, bytes: Uint8Array, says: string, most: number][] = [
  ["PNG of 16,000 x 16,000 in one bit", plainPng(16_000, 16_000), "more pixels", 40_000],
  ["PNG of 16,000 x 16,000 in bytes", plainPng(16_000, 16_000, 8), "more pixels", 300_000],
  ["PNG of 30,000 x 30,000 in one bit", plainPng(30_000, 30_000), "more pixels", 130_000],
  ["PNG of one row of 39 million", plainPng(39_000_000, 1), "longer than 65,535", 10_000],
  ["GIF of 65,535 x 65,535", gif({ screen: [65_535, 65_535], frame: [0, 0, 1, 1] }), "more pixels", 60],
  [
    "BMP that says 2^31 - 1",
    bmp({ width: 2 ** 31 - 1, height: 2 ** 31 - 1, bits: 1, palette: Array(8).fill(0), rows: [[0]] }),
    "more pixels",
    80,
  ],
];

describe("decodeImage() refuses a bomb by its header, and takes no memory for it (I11):", () => {
  for (const [what, bytes, says, most] of bombs) {
    test(what, async () => {
      expect(bytes.length).toBeLessThan(most);
      Bun.gc(true);
      const before = process.memoryUsage.rss();
      let peak = before;
      // Thirty times: memory that came and went between two looks would add up, and time would show.
      const begin = process.cpuUsage();
      for (let i = 0; i < 30; i++) {
        const error = await decodeImage(bytes).then(() => undefined, (error: unknown) => error);
        expect(error).toBeInstanceOf(RequestError);
        expect((error as RequestError).message).toContain(says);
        expect((error as RequestError).details.code).toBe("invalid_image");
        peak = Math.max(peak, process.memoryUsage.rss());
      }
      const { user, system } = process.cpuUsage(begin);
      // 10 ms each; decoding one takes half a second and more.
      expect((user + system) / 1000).toBeLessThan(30 * 10);
      expect(peak - before).toBeLessThan(decodedBytes / 16);
    });
  }

  test("and one that is as large as it may be is decoded: these are pictures, not damaged files", async () => {
    const { width, height } = await decodeImage(plainPng(4000, 3000));
    expect([width, height]).toEqual([4000, 3000]);
  });
});
