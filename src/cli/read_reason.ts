/** Why a file cannot be read, in words for the one who named it. */
export function readReason(error: unknown): string {
  switch ((error as { code?: unknown }).code) {
    case "ENOENT":
      return "there is no such file";
    case "ENOTDIR":
      return "a part of its path is no folder";
    case "EISDIR":
      return "it is a folder";
    case "EACCES":
      return "it may not be read";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
