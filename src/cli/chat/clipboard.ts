import process from "node:process";
import { maxPictureBytes } from "../pictures.ts";
import { UsageError } from "../exit_codes.ts";

type Commands = readonly (readonly string[])[];

/** Programs that write the picture of the clipboard to stdout; those of other desktops fail and are passed over. */
const pictureReaders: Readonly<Record<string, Commands>> = {
  linux: [
    ["wl-paste", "--no-newline", "--type", "image/png"],
    ["xclip", "-selection", "clipboard", "-target", "image/png", "-out"],
  ],
  darwin: [["pngpaste", "-"]],
};

/** Programs that read the clipboard's new text from stdin. */
const textWriters: Readonly<Record<string, Commands>> = {
  linux: [["wl-copy"], ["xclip", "-selection", "clipboard", "-in"], ["xsel", "--clipboard", "--input"]],
  darwin: [["pbcopy"]],
  win32: [["clip.exe"]],
};

/** So long a program may take: one that waits for a display that is gone never ends. */
const timeoutMs = 5000;

/**
 * The picture in the clipboard.
 *
 * @throws {UsageError} If there is none, or no program that gives it.
 */
export function readClipboardPicture(platform: string = process.platform): Uint8Array {
  const readers = pictureReaders[platform] ?? [];
  for (const command of readers) {
    const result = attempt(command);
    if (result !== undefined && result.length > 0) return result;
  }
  const names = readers.map(([name]) => name).join(" or ");
  throw new UsageError(
    "There is no picture in the clipboard that can be read",
    names === ""
      ? "Save it as a file and name that"
      : `It is read with ${names}: copy a picture, or install one of them`,
  );
}

/** Puts a text into the clipboard. @returns whether a program did */
export function writeClipboardText(text: string, platform: string = process.platform): boolean {
  return (textWriters[platform] ?? []).some((command) => attempt(command, text) !== undefined);
}

function attempt(command: readonly string[], input?: string): Uint8Array | undefined {
  try {
    const result = Bun.spawnSync([...command], {
      stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
      // A program that goes on in the background to serve the clipboard must not hold our pipe open.
      stdout: input === undefined ? "pipe" : "ignore",
      stderr: "ignore",
      timeout: timeoutMs,
      maxBuffer: maxPictureBytes,
    });
    if (result.exitCode !== 0) return undefined;
    return result.stdout ?? new Uint8Array();
  } catch {
    // It is not installed.
    return undefined;
  }
}
