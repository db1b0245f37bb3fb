/** A set of Unicode characters: ranges of code points, both ends included, in order and apart from each other. */
export type CharSet = readonly (readonly [first: number, last: number])[];

const lastCodePoint = 0x10ffff;

/** Every character. Halves of surrogate pairs are none. */
export const anyChar: CharSet = [[0, 0xd7ff], [0xe000, lastCodePoint]];

/** Ranges in any order, overlapping or not, as a set. */
export function charSet(ranges: CharSet): CharSet {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** The characters of `text`. */
export function charsOf(text: string): CharSet {
  return charSet([...text].map((char) => [char.codePointAt(0)!, char.codePointAt(0)!]));
}

export function intersect(a: CharSet, b: CharSet): CharSet {
  return a.flatMap(([first, last]) =>
    b.filter((range) => range[0] <= last && range[1] >= first)
      .map((range) => [Math.max(first, range[0]), Math.min(last, range[1])] as const)
  );
}

/** The characters of `a` that are not in `b`. */
export function subtract(a: CharSet, b: CharSet): CharSet {
  const gaps: [number, number][] = [];
  let from = 0;
  for (const [first, last] of b) {
    if (first > from) gaps.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= lastCodePoint) gaps.push([from, lastCodePoint]);
  return intersect(a, gaps);
}

export function contains(set: CharSet, codePoint: number): boolean {
  return set.some(([first, last]) => first <= codePoint && codePoint <= last);
}
