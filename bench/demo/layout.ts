import type { Dice } from "./dice.ts";

/** A box around a thing, by its centre. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The 3×3 grid of a picture, which finds places where things neither touch nor leave the picture. */
export class Layout {
  readonly #taken = new Map<number, Box>();
  readonly #fullRows = new Set<number>();

  constructor(readonly width: number, readonly height: number) {}

  /** Length of the shorter side, which all extents are shares of. */
  get shorter(): number {
    return Math.min(this.width, this.height);
  }

  /** The shorter side where the model looks, in pixels: on a canvas of at most four tiles of 128. */
  get seen(): number {
    return Math.min(this.shorter, Math.max(128, 256 * this.shorter / Math.max(this.width, this.height)));
  }

  /**
   * Places a thing with its centre in the middle 60 % of a free cell. A thing that is wider than a cell gets a row of
   * its own.
   *
   * @returns undefined if there is no such place
   */
  place(dice: Dice, width: number, height: number): { cell: number; x: number; y: number } | undefined {
    const needsRow = width > this.width / 3;
    for (const cell of dice.shuffled([0, 1, 2, 3, 4, 5, 6, 7, 8])) {
      const row = Math.floor(cell / 3);
      if (this.#taken.has(cell) || this.#fullRows.has(row) || needsRow && this.#isRowUsed(row)) continue;
      const place = this.#placeIn(dice, cell, width, height);
      if (place === undefined) continue;
      this.#taken.set(cell, { ...place, width, height });
      if (needsRow) this.#fullRows.add(row);
      return { cell, ...place };
    }
    return undefined;
  }

  /** Tries places ever closer to the middle of the cell. */
  #placeIn(dice: Dice, cell: number, width: number, height: number): { x: number; y: number } | undefined {
    const attempts = 24;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const reach = 0.3 * (1 - attempt / attempts);
      const x = (cell % 3 + 0.5 + dice.between(-reach, reach)) * this.width / 3;
      const y = (Math.floor(cell / 3) + 0.5 + dice.between(-reach, reach)) * this.height / 3;
      if (this.#isFree({ x, y, width, height })) return { x, y };
    }
    return undefined;
  }

  /** Cells that no part of a thing reaches into: there is nothing there, whoever is asked. */
  emptyCells(): number[] {
    const [width, height] = [this.width / 3, this.height / 3];
    const boxes = [...this.#taken.values()];
    return [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((cell) => {
      const [x, y] = [(cell % 3 + 0.5) * width, (Math.floor(cell / 3) + 0.5) * height];
      return !boxes.some((box) => overlaps(box, { x, y, width, height }, 0));
    });
  }

  #isRowUsed(row: number): boolean {
    return [...this.#taken.keys()].some((cell) => Math.floor(cell / 3) === row);
  }

  #isFree(box: Box): boolean {
    const { x, y, width, height } = box;
    const gap = this.shorter * 0.025;
    const isInside = x - width / 2 > gap / 2 && x + width / 2 < this.width - gap / 2 &&
      y - height / 2 > gap / 2 && y + height / 2 < this.height - gap / 2;
    return isInside && ![...this.#taken.values()].some((other) => overlaps(box, other, gap));
  }
}

/** True if two boxes come closer to each other than `gap`. */
function overlaps(a: Box, b: Box, gap: number): boolean {
  return Math.abs(a.x - b.x) <= (a.width + b.width) / 2 + gap &&
    Math.abs(a.y - b.y) <= (a.height + b.height) / 2 + gap;
}
