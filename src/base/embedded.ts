/**
 * Whether a path names a file inside the executable. Bun shows them below a root of its own, under the paths that
 * they have in the repository: they can be looked at, listed and read whole, but not opened.
 */
export function isEmbedded(path: string): boolean {
  return /^(\/\$bunfs|[A-Z]:[\\/]~BUN)([\\/]|$)/.test(path);
}
