type Values = ArrayLike<number>;

/** Largest |have - want|; infinite if the lengths differ or one of the two is NaN where the other is not. */
export function maxAbsError(have: Values, want: Values): number {
  if (have.length !== want.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, difference(have[i]!, want[i]!));
  return largest;
}

/** ‖have - want‖₂ / ‖want‖₂; 0 if both are zero or empty, infinite as in `maxAbsError`. */
export function relativeL2(have: Values, want: Values): number {
  if (have.length !== want.length) return Infinity;
  let errors = 0;
  let squares = 0;
  for (let i = 0; i < want.length; i++) {
    errors += difference(have[i]!, want[i]!) ** 2;
    if (Number.isFinite(want[i]!)) squares += want[i]! ** 2;
  }
  return errors === 0 ? 0 : Math.sqrt(errors / squares);
}

/** Index of the first element whose bits differ (NaN equals NaN), or -1; the shorter array ends the comparison. */
export function firstDifference(have: Values, want: Values): number {
  const count = Math.max(have.length, want.length);
  for (let i = 0; i < count; i++) if (!Object.is(have[i], want[i])) return i;
  return -1;
}

function difference(have: number, want: number): number {
  if (Object.is(have, want)) return 0;
  if (have === want) return 0; // the two zeros
  const error = Math.abs(have - want);
  return Number.isNaN(error) ? Infinity : error;
}
