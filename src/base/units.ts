/** Words for numbers that people read. Sizes are decimal: 1 GB is 10^9 bytes, as in a drive's or bus's own data. */

const byteUnits = ["bytes", "kB", "MB", "GB", "TB", "PB"] as const;

/** `formatBytes(21_340_441_670)` is `"21.3 GB"`; below 1000 the number is exact. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.95 would round up to "1000.0", so it already belongs to the next unit.
  while (Math.abs(value) >= (unit === 0 ? 1000 : 999.95) && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${bytes} bytes` : `${value.toFixed(1)} ${byteUnits[unit]}`;
}

/** `formatCount(21340441670)` is `"21,340,441,670"`, whatever the locale of the machine. */
export function formatCount(count: number): string {
  return Math.trunc(count).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `"0.4 ms"`, `"412 ms"`, `"4.12 s"`, `"3 min 7 s"`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Tokens per second; `"-"` when no time passed, so that no report says infinity. */
export function formatTokenRate(tokens: number, ms: number): string {
  return ms > 0 ? `${(tokens * 1000 / ms).toFixed(1)} tokens/s` : "-";
}

/** Milliseconds to three places: what a clock can tell. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
