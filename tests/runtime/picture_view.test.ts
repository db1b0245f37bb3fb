import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { decodeImage } from "../../src/images/decode.ts";
import { prepareImage } from "../../src/images/tiles.ts";
import { countTiles, viewPicture } from "../../src/runtime/picture_view.ts";
import { picturePath } from "../support/executable.ts";

test("countTiles() says what the model's own preparation gives", async () => {
  for (const name of ["gray.png", "exif_6.jpg", "china.jpg", "big_1500x1100.jpg"]) {
    const image = await decodeImage(readFileSync(picturePath(name)));
    for (const maxTiles of [1, 2, 4]) {
      const { tileCount } = prepareImage(image, { tileSize: 560, maxTiles, knownTiles: 4 });
      expect(countTiles(image, { tileSize: 560, maxTiles })).toBe(tileCount);
    }
  }
});

test("viewPicture() gives the size, the file's hash, and a picture that fits the box", async () => {
  const bytes = readFileSync(picturePath("china.jpg"));
  const { width, height, sha256, small } = await viewPicture(bytes, { width: 24, height: 24 });
  expect(sha256).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  expect([width, height]).toEqual([640, 427]);
  expect([small.width, small.height, small.data.length]).toEqual([24, 16, 24 * 16 * 3]);
  const { small: whole } = await viewPicture(bytes, { width: 1000, height: 1000 });
  expect([whole.width, whole.height]).toEqual([640, 427]);
});

test("viewPicture() refuses what is no picture", async () => {
  const promise = viewPicture(new TextEncoder().encode("no picture"), { width: 1, height: 1 });
  expect(await promise.catch((error) => error.details.code)).toBe("invalid_image");
});
