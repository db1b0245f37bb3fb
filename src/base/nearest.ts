/** Longer words are not looked at: no name of ours is, and the work grows with both lengths. */
const longest = 64;

/**
 * Which of some names a misspelled word is likely to mean: the one that the fewest changes of a letter make of it,
 * if these are no more than a third of its letters. An exchange of two neighbours is one change.
 *
 * @returns undefined if none is like it
 */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > longest) return undefined;
  let best: string | undefined;
  let fewest = Math.floor(word.length / 3) + 1;
  for (const name of names) {
    if (Math.abs(name.length - word.length) >= fewest) continue;
    const changes = changesBetween(word, name);
    if (changes >= fewest) continue;
    best = name;
    fewest = changes;
  }
  return best;
}

/** Optimal string alignment distance: letters put in, left out, replaced, or exchanged with their neighbour. */
function changesBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
