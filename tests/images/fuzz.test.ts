import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import process from "node:process";
import { RequestError } from "../../src/base/errors.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { prepareImage } from "../../src/images/tiles.ts";
import { drawsOf } from "../support/draws.ts";
import { goldenImagePath } from "../support/goldens.ts";
import { mutate } from "./mutations.ts";

/**
 * Picture files with bytes changed, cut out, repeated and exchanged with other files, from the first byte to the
 * tiles that the model takes. `LLAMAV_FUZZ=20000 bun test tests/images/fuzz.test.ts` runs that many.
 */
const cases = Number(process.env.LLAMAV_FUZZ ?? 500);
const seed = 20241;

/** Of every format and variant that is taken; small, so that a change hits something that matters. */
const originals = [
  ...[
    "animated.png",
    "exif6.png",
    "gray.png",
    "gray16.png",
    "gray_alpha.png",
    "one_bit.png",
    "one_pixel.png",
  ],
  ...["rgb16_interlaced.png", "rgb_trns.png", "s_110x25_pal.png", "s_70x27_trns.png", "three_by_one.png"],
  ...["baseline_420.jpg", "baseline_422_odd.jpg", "baseline_444.jpg", "cmyk.jpg", "exif_5.jpg", "gray.jpg"],
  ...["progressive.jpg", "animated.webp", "lossless_80x70.webp", "lossless_alpha.webp", "lossy.webp"],
  ...["lossy_alpha.webp", "animated.gif", "interlaced.gif", "still.gif", "palette.bmp", "s_20x112.bmp"],
].map((name) => readFileSync(goldenImagePath(name)));

/** Longest time for one file: far more than it takes, far less than a loop that does not end. */
const longestMs = 10_000;
/** What the process may have grown by: less than 1 kB a file at full size. */
const growthBytes = 48 * 2 ** 20 + cases * 1024;

test("D44 I13 I16 no bytes make the decoders fail otherwise than with a fixed text", async () => {
  const texts = new Map<string, number>();
  let accepted = 0;
  let slowestMs = 0;
  let settledBytes = 0;
  for (let index = 0; index < cases; index++) {
    const draw = drawsOf(seed, index);
    const file = mutate(originals[index % originals.length]!, originals, draw);
    const begin = performance.now();
    try {
      const decoded = await decodeImage(file);
      expect(decoded.data.length).toBe(decoded.width * decoded.height * 3);
      const image = prepareImage(decoded, { tileSize: 56, maxTiles: 4 });
      expect(image.pixels.length).toBe(image.width * image.height * 3);
      expect(image.tileCount).toBeWithin(1, 5);
      accepted++;
    } catch (error) {
      if (!(error instanceof RequestError)) {
        throw new Error(`Case ${index} of seed ${seed}`, { cause: error });
      }
      expect(error.details.code).toBe("invalid_image");
      texts.set(error.message, (texts.get(error.message) ?? 0) + 1);
    }
    slowestMs = Math.max(slowestMs, performance.now() - begin);
    if (index === Math.floor(cases / 2)) settledBytes = residentBytes();
  }
  const grownBytes = residentBytes() - settledBytes;
  const refused = [...texts].map(([text, count]) => `${count} x ${text}`).join("; ");
  console.log(
    `${cases} files: ${accepted} taken, ${refused}; slowest ${Math.round(slowestMs)} ms, ` +
      `grown by ${Math.round(grownBytes / 2 ** 20)} MB in the second half`,
  );
  // Were everything refused, or nothing, this test would say nothing.
  expect(accepted).toBeWithin(cases / 20, cases * 0.95);
  expect(texts.size).toBeLessThanOrEqual(4);
  expect(slowestMs).toBeLessThan(longestMs);
  expect(grownBytes).toBeLessThan(growthBytes);
}, 3_600_000);

function residentBytes(): number {
  Bun.gc(true);
  return process.memoryUsage.rss();
}
