import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { RequestError } from "../../src/base/errors.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { overWhite, upright } from "../../src/images/raster.ts";
import { goldenImagePath } from "../support/goldens.ts";
import { bmp, exifBlock, gif, pngChunk, pngHeader, riff } from "./files.ts";

const golden = (name: string): Buffer => readFileSync(goldenImagePath(name));
const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** The refusal that a file gets. */
async function refusal(bytes: Uint8Array): Promise<RequestError> {
  const error = await decodeImage(bytes).then(() => undefined, (error) => error);
  expect(error).toBeInstanceOf(RequestError);
  expect(error.details.code).toBe("invalid_image");
  return error;
}

/** Rows of pixels, each as "r,g,b". */
async function pixelsOf(bytes: Uint8Array): Promise<string[][]> {
  const { width, height, data } = await decodeImage(bytes);
  return Array.from(
    { length: height },
    (_, y) =>
      Array.from(
        { length: width },
        (_, x) => data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3).join(","),
      ),
  );
}

describe("decodeImage() takes no format but its five, whatever a file calls itself (I13)", () => {
  const files: [string, Uint8Array][] = [
    ["nothing", new Uint8Array(0)],
    ["one byte", new Uint8Array(1)],
    ["text", ascii("hello")],
    ["SVG", ascii('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ["PDF", ascii("%PDF-1.7\n")],
    ["TIFF", Buffer.concat([ascii("II*\0"), new Uint8Array(100)])],
    ["HEIC", ascii("\0\0\0\x18ftypheic\0\0\0\0mif1heic")],
    ["AVIF", ascii("\0\0\0\x18ftypavif\0\0\0\0mif1avif")],
    ["JPEG 2000", ascii("\0\0\0\x0cjP  \r\n\x87\n")],
    ["a RIFF file that is no WebP", ascii("RIFF\x10\0\0\0WAVEfmt ")],
    ["a file name", ascii("/etc/passwd")],
  ];
  for (const [what, bytes] of files) {
    test(what, async () => expect((await refusal(bytes)).message).toContain("PNG, JPEG, WebP, GIF or BMP"));
  }
});

for (
  const name of [
    ...["gray.png", "s_50x44.png", "baseline_444.jpg", "progressive.jpg", "cmyk.jpg", "lossy.webp"],
    ...["lossless_alpha.webp", "still.gif", "interlaced.gif", "palette.bmp", "s_20x112.bmp"],
  ]
) {
  test(`decodeImage() refuses ${name} when it is cut off`, async () => {
    const bytes = golden(name);
    for (const part of [0.02, 0.3, 0.7, 0.95]) {
      await refusal(bytes.subarray(0, Math.max(12, Math.floor(bytes.length * part))));
    }
  });
}

test("decodeImage() needs no more of an animation than its first frame", async () => {
  const bytes = golden("animated.webp");
  const whole = await decodeImage(bytes);
  const second = bytes.indexOf(Buffer.from("ANMF"), bytes.indexOf(Buffer.from("ANMF")) + 4);
  expect((await decodeImage(bytes.subarray(0, second))).hash).toBe(whole.hash);
  await refusal(bytes.subarray(0, second - 10));
});

describe("decodeImage() refuses a picture of too many pixels by its header (I11)", () => {
  const files: [string, Uint8Array][] = [
    ["PNG of 30,000 x 30,000", pngHeader(30_000, 30_000)],
    ["PNG of 1,000,000 x 1,000,000", pngHeader(1_000_000, 1_000_000)],
    ["GIF of 65,535 x 65,535", gif({ screen: [65_535, 65_535], frame: [0, 0, 1, 1] })],
    ["GIF whose frame ends at 65,535", gif({ screen: [1, 1], frame: [65_534, 65_534, 1, 1] })],
    ["BMP of 2^31 - 1", bmp({ width: 2 ** 31 - 1, height: 2 ** 31 - 1, bits: 24, rows: [] })],
    [
      "WebP animation of 16,384 x 16,384",
      riff([
        ["VP8X", Buffer.from([2, 0, 0, 0, 0xff, 0x3f, 0, 0xff, 0x3f, 0])],
        ["ANMF", Buffer.concat([new Uint8Array(16), riff([["VP8L", new Uint8Array(8)]]).subarray(12)])],
      ]),
    ],
  ];
  for (const [what, bytes] of files) {
    test(what, async () => expect((await refusal(bytes)).message).toContain("more pixels"));
  }

  test("or of too long a side, however few they are", async () => {
    const longest = bmp({
      width: 65_535,
      height: 1,
      bits: 1,
      palette: Array(8).fill(0),
      rows: [Array(8192).fill(0)],
    });
    expect((await decodeImage(longest)).width).toBe(65_535);
    const files = [
      pngHeader(1, 39_000_000),
      pngHeader(65_536, 1),
      bmp({ width: 39_000_000, height: 1, bits: 24, rows: [] }),
      bmp({ width: 1, height: 39_000_000, bits: 24, rows: [] }),
    ];
    for (const file of files) expect((await refusal(file)).message).toContain("longer than 65,535 pixels");
  });

  test("or by maxPixels, to the pixel", async () => {
    const bytes = golden("s_24x20.png");
    expect((await decodeImage(bytes, { maxPixels: 480 })).width).toBe(24);
    expect(decodeImage(bytes, { maxPixels: 479 })).rejects.toThrow("more pixels");
  });
});

test("decodeImage() says nothing but fixed texts about a damaged file (I16)", async () => {
  const texts = new Set<string>();
  for (
    const name of ["gray.png", "baseline_444.jpg", "lossy.webp", "animated.webp", "still.gif", "palette.bmp"]
  ) {
    const bytes = golden(name);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        fc.nat(bytes.length),
        async (edits, length) => {
          const file = Buffer.from(length % 2 ? bytes : bytes.subarray(0, length));
          for (const [at, value] of edits) if (at < file.length) file[at] = value;
          try {
            const { width, height, data } = await decodeImage(file, { maxPixels: 100_000 });
            expect(data.length).toBe(width * height * 3);
          } catch (error) {
            expect(error).toBeInstanceOf(RequestError);
            texts.add((error as RequestError).message);
          }
        },
      ),
      { numRuns: 60 },
    );
  }
  expect(texts.size).toBeLessThanOrEqual(4);
});

const upsideDown = [[1, 2, 3], [4, 5, 6]];
const turned: Record<number, number[][]> = {
  1: [[1, 2, 3], [4, 5, 6]],
  2: [[3, 2, 1], [6, 5, 4]],
  3: [[6, 5, 4], [3, 2, 1]],
  4: [[4, 5, 6], [1, 2, 3]],
  5: [[1, 4], [2, 5], [3, 6]],
  6: [[4, 1], [5, 2], [6, 3]],
  7: [[6, 3], [5, 2], [4, 1]],
  8: [[3, 6], [2, 5], [1, 4]],
};

test("upright() turns all eight orientations", () => {
  const data = Uint8Array.from(upsideDown.flat().flatMap((value) => [value, value + 10, value + 20]));
  for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8] as const) {
    const image = upright({ width: 3, height: 2, data }, orientation);
    const expected = turned[orientation]!;
    expect([image.width, image.height]).toEqual([expected[0]!.length, expected.length]);
    expect([...image.data]).toEqual(expected.flat().flatMap((value) => [value, value + 10, value + 20]));
  }
});

test("overWhite() rounds like Pillow's alpha_composite for every colour and alpha", () => {
  const data = new Uint8Array(256 * 256 * 4);
  for (let i = 0; i < 65_536; i++) data.set([i & 255, i & 255, i & 255, i >> 8], 4 * i);
  const { data: rgb } = overWhite({ width: 256, height: 256, data });
  for (let i = 0; i < 65_536; i++) {
    const exact = ((i & 255) * (i >> 8) + 255 * (255 - (i >> 8))) / 255;
    expect(Math.abs(rgb[3 * i]! - exact)).toBeLessThanOrEqual(0.5);
  }
  expect([...rgb.subarray(0, 3)]).toEqual([255, 255, 255]);
});

for (const little of [true, false]) {
  test(`decodeImage() applies the orientation of PNG and WebP files, ${little ? "little" : "big"} endian`, async () => {
    const png = golden("three_by_one.png");
    const webp = golden("lossless_80x70.webp");
    const [row] = await pixelsOf(png);
    const still = await pixelsOf(webp);
    for (const orientation of [3, 6]) {
      const exif = exifBlock(orientation, little);
      const turnedPng = Buffer.concat([png.subarray(0, 33), pngChunk("eXIf", exif), png.subarray(33)]);
      expect(await pixelsOf(turnedPng)).toEqual(
        orientation === 3 ? [row!.toReversed()] : row!.map((pixel) => [pixel]),
      );
      // Chunk of the picture itself: behind "RIFF", length, "WEBP", and its own header.
      const length = Buffer.from(webp).readUInt32LE(16);
      const turnedWebp = riff([
        ["VP8X", Buffer.from([8, 0, 0, 0, 79, 0, 0, 69, 0, 0])],
        ["VP8L", webp.subarray(20, 20 + length)],
        ["EXIF", exif],
      ]);
      const expected = orientation === 3
        ? still.toReversed().map((row) => row.toReversed())
        : still[0]!.map((_, x) => still.toReversed().map((row) => row[x]!));
      expect(await pixelsOf(turnedWebp)).toEqual(expected);
    }
  });
}

test("decodeImage() puts a GIF's frame where it belongs on its canvas", async () => {
  expect(await pixelsOf(gif({ screen: [4, 3], frame: [1, 1, 2, 1] }))).toEqual([
    Array(4).fill("255,255,255"),
    ["255,255,255", "255,0,0", "255,0,0", "255,255,255"],
    Array(4).fill("255,255,255"),
  ]);
});

describe("decodeImage() reads BMP files", () => {
  test("of 1 and 4 bits, from top and from bottom", async () => {
    const palette = [0, 0, 0, 0, 10, 20, 30, 0];
    const shape = { width: 3, height: 2, bits: 1, palette, rows: [[0b0110_0000], [0b1000_0000]] };
    const [dark, light] = ["0,0,0", "30,20,10"];
    expect(await pixelsOf(bmp(shape))).toEqual([[light, dark, dark], [dark, light, light]]);
    expect(await pixelsOf(bmp({ ...shape, topDown: true }))).toEqual([[dark, light, light], [
      light,
      dark,
      dark,
    ]]);
    const nibbles = { ...shape, bits: 4, rows: [[0x01, 0x10], [0x10, 0x00]] };
    expect(await pixelsOf(bmp(nibbles))).toEqual([[light, dark, dark], [dark, light, light]]);
  });

  test("of 16 and 32 bits, with and without masks", async () => {
    const pixel16 = { width: 1, height: 1, bits: 16 };
    expect(await pixelsOf(bmp({ ...pixel16, rows: [[0x00, 0x7c]] }))).toEqual([["255,0,0"]]);
    const masks = [0xf800, 0x7e0, 0x1f];
    expect(await pixelsOf(bmp({ ...pixel16, compression: 3, masks, rows: [[0xe0, 0x07]] }))).toEqual([[
      "0,255,0",
    ]]);
    const pixel32 = { width: 1, height: 1, bits: 32, rows: [[1, 2, 3, 0]] };
    expect(await pixelsOf(bmp(pixel32))).toEqual([["3,2,1"]]);
    const withAlpha = { ...pixel32, compression: 6, masks: [0xff, 0xff00, 0xff0000, 0xff000000] };
    expect(await pixelsOf(bmp(withAlpha))).toEqual([["255,255,255"]]);
    expect(await pixelsOf(bmp({ ...withAlpha, rows: [[1, 2, 3, 255]] }))).toEqual([["1,2,3"]]);
  });

  test("unless they are run-length coded, without pixels, or index beyond the palette", async () => {
    const shape = { width: 1, height: 1, bits: 8, palette: [1, 2, 3, 0], rows: [[0]] };
    expect(await pixelsOf(bmp(shape))).toEqual([["3,2,1"]]);
    await refusal(bmp({ ...shape, compression: 1 }));
    await refusal(bmp({ ...shape, width: 0 }));
    await refusal(bmp({ ...shape, height: 0 }));
    await refusal(bmp({ ...shape, rows: [[1]] }));
    await refusal(bmp({ ...shape, bits: 2 }));
    await refusal(bmp({ ...shape, rows: [] }));
  });
});

test("decodeImage() gives equal pictures equal hashes, and others others (P12)", async () => {
  const hashes = await Promise.all(
    ["animated.png", "animated.webp", "gray.png", "one_pixel.png"].map(async (name) =>
      (await decodeImage(golden(name))).hash
    ),
  );
  // The two animations begin with the same picture.
  expect(new Set(hashes).size).toBe(3);
  expect(hashes[0]).toBe(hashes[1]!);
  const white = (width: number, height: number) =>
    decodeImage(bmp({ width, height, bits: 24, rows: Array(height).fill(Array(width * 3).fill(255)) }));
  expect((await white(2, 3)).hash).not.toBe((await white(3, 2)).hash);
});

test("decodeImage() leaves a picture alone that nobody wants any more", async () => {
  const file = bmp({ width: 2, height: 2, bits: 24, rows: Array(2).fill(Array(6).fill(255)) });
  const signal = AbortSignal.abort(new Error("gone"));
  await expect(decodeImage(file, { signal })).rejects.toThrow("gone");
});
