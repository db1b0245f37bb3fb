import { assert } from "../base/assert.ts";

/** An image whose cross-attention keys and values have, or will have, a place in the cross cache. */
export interface CachedImage {
  readonly hash: string;
  /** Physical tile slots, in tile order. */
  readonly tiles: readonly number[];
  /** Whether the vision tower has filled the slots. */
  encoded: boolean;
  /** Sequences that use it; at zero it stays until its slots are needed. */
  holders: number;
}

/**
 * Which image holds which tile slots of the cross cache, by image hash: an image that several requests or turns
 * share is encoded once. Unused images go, least recently used first, when slots run out.
 */
export class ImageCache {
  readonly #images = new Map<string, CachedImage>(); // insertion order = order of last use
  readonly #free: number[];
  /** Since the cache was made: images taken that had a place, taken that had to be given one, and let go for others. */
  hits = 0;
  misses = 0;
  evictions = 0;

  constructor(readonly tileSlots: number) {
    this.#free = Array.from({ length: tileSlots }, (_, i) => tileSlots - 1 - i);
  }

  /** Tile slots that are free or could be freed now. */
  get availableTiles(): number {
    let count = this.#free.length;
    for (const image of this.#images.values()) if (image.holders === 0) count += image.tiles.length;
    return count;
  }

  /**
   * Takes the images of one sequence, all or none.
   *
   * @returns one entry per image, in order; `undefined` when they do not fit beside what other sequences hold
   */
  acquire(images: readonly { hash: string; tileCount: number }[]): CachedImage[] | undefined {
    const known = images.map(({ hash }) => this.#images.get(hash));
    for (const image of known) if (image) image.holders++;
    const missing = new Map(images.filter((_, i) => !known[i]).map((image) => [image.hash, image]));
    const needed = [...missing.values()].reduce((sum, image) => sum + image.tileCount, 0);
    if (needed > this.availableTiles) {
      for (const image of known) if (image) image.holders--;
      return undefined;
    }
    for (const { hash, tileCount } of missing.values()) this.#place(hash, tileCount);
    this.misses += missing.size;
    this.hits += images.length - missing.size;
    return images.map(({ hash }, i) => {
      const image = this.#images.get(hash)!;
      if (!known[i]) image.holders++;
      this.#images.delete(hash); // to the end: most recently used
      this.#images.set(hash, image);
      return image;
    });
  }

  /** One sequence lets go of an image. One that was never encoded is forgotten with its last holder. */
  release(image: CachedImage): void {
    assert(image.holders > 0, `image ${image.hash} is not held`);
    image.holders--;
    if (image.holders === 0 && !image.encoded) this.#drop(image);
  }

  #place(hash: string, tileCount: number): void {
    for (const image of this.#images.values()) {
      if (this.#free.length >= tileCount) break;
      if (image.holders > 0) continue;
      this.#drop(image);
      this.evictions++;
    }
    assert(this.#free.length >= tileCount, "tile slots were counted before");
    const tiles = Array.from({ length: tileCount }, () => this.#free.pop()!);
    this.#images.set(hash, { hash, tiles, encoded: false, holders: 0 });
  }

  #drop(image: CachedImage): void {
    this.#images.delete(image.hash);
    this.#free.push(...image.tiles);
  }
}
