import { philox } from "../../src/base/random.ts";

/** Whole numbers from 0 up to, not including, `below`. */
export type Draw = (below: number) => number;

/** The numbers of one case: the same for the same seed and case, whatever the cases before it drew. */
export function drawsOf(seed: number, index: number): Draw {
  let position = 0;
  return (below) => {
    const [word] = philox(seed, index * 2 ** 20 + position++);
    return word! % below;
  };
}

/** One of some things. */
export function oneOf<T>(draw: Draw, things: readonly T[]): T {
  return things[draw(things.length)]!;
}
