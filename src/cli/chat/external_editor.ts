import type { Environment } from "../../base/environment.ts";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/**
 * Opens a text in the person's own editor and waits until they leave it: `VISUAL`, else `EDITOR`, else vi.
 *
 * @returns the text as they left it, or why there is none
 */
export function editText(
  text: string,
  env: Environment,
): { text: string } | { problem: string } {
  const editor = env["VISUAL"] || env["EDITOR"] || (process.platform === "win32" ? "notepad" : "vi");
  let folder: string | undefined;
  try {
    // Only the owner can enter this folder.
    folder = mkdtempSync(join(tmpdir(), "llamav-"));
    const path = join(folder, "message.md");
    writeFileSync(path, text, { mode: 0o600 });
    // The variable may hold flags, too, as in "code --wait".
    const words = editor.split(/\s+/).filter((word) => word !== "");
    const { exitCode } = Bun.spawnSync([...words, path], { stdio: ["inherit", "inherit", "inherit"] });
    if (exitCode !== 0) return { problem: `${editor} ended with code ${exitCode}; the text is as it was` };
    return { text: readFileSync(path, "utf8").replace(/\r?\n$/, "") };
  } catch {
    return { problem: `Cannot run ${editor}: name your editor in the variable EDITOR` };
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
