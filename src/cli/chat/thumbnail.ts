import type { Environment } from "../../base/environment.ts";
import { colorsOf } from "../../terminal/colors.ts";
import type { PictureView } from "../../runtime/picture_view.ts";

type Pixels = PictureView["small"];

/** How a terminal can show a picture. */
export type ThumbnailKind = "kitty" | "iterm" | "true_color" | "palette" | "none";

/** Columns of a thumbnail, and rows, at most. */
const mostColumns = 24;
const mostRows = 12;

/** More of a file than a terminal should have to read for a thumbnail. */
const maxFileBytes = 4 * 1024 * 1024;

/** What the terminal says of itself in the environment. A multiplexer between it and us passes no pictures. */
export function thumbnailKind(env: Environment): ThumbnailKind {
  const term = env["TERM"] ?? "";
  const program = env["TERM_PROGRAM"] ?? "";
  const colors = colorsOf(env);
  if (colors === "none") return "none";
  const isBare = !env["TMUX"] && !env["STY"] && !/^(screen|tmux|dumb|$)/.test(term);
  if (isBare && (term === "xterm-kitty" || /^ghostty$/i.test(program))) return "kitty";
  if (isBare && (/^(iTerm\.app|WezTerm)$/.test(program) || env["LC_TERMINAL"] === "iTerm2")) return "iterm";
  return colors === "basic" ? "none" : colors;
}

/** Pixels that a thumbnail of this kind can show in a terminal of so many columns. */
export function thumbnailBox(kind: ThumbnailKind, columns: number): { width: number; height: number } {
  // A cell is about 10 by 20 pixels, or two pixels one above the other.
  const scale = kind === "kitty" || kind === "iterm" ? 10 : 1;
  // The last column stays free: some terminals wrap when it is full.
  const width = Math.max(1, Math.min(mostColumns, columns - 1));
  return { width: width * scale, height: 2 * mostRows * scale };
}

/** What shows a picture in the terminal, up to the beginning of a new row. */
export function drawThumbnail(kind: ThumbnailKind, pixels: Pixels, file: Uint8Array): string {
  switch (kind) {
    case "kitty":
      return `${kittyImage(pixels)}\r\n`;
    case "iterm":
      return file.length > maxFileBytes ? "" : `${itermImage(pixels, file)}\r\n`;
    case "true_color":
      return halfBlocks(pixels, (red, green, blue) => `2;${red};${green};${blue}`);
    case "palette":
      return halfBlocks(pixels, (red, green, blue) => `5;${paletteIndex(red, green, blue)}`);
    case "none":
      return "";
  }
}

/** Kitty's graphics protocol: raw RGB in pieces of 4096 characters, and no reply. */
function kittyImage({ width, height, data }: Pixels): string {
  const encoded = data.toBase64();
  const pieces = encoded.match(/.{1,4096}/g) ?? [];
  return pieces.map((piece, index) => {
    const head = index === 0 ? `a=T,q=2,f=24,s=${width},v=${height},` : "";
    return `\x1b_G${head}m=${index < pieces.length - 1 ? 1 : 0};${piece}\x1b\\`;
  }).join("");
}

/** iTerm2's inline images: the file itself. */
function itermImage({ width, height }: Pixels, file: Uint8Array): string {
  const size = `size=${file.length};width=${width}px;height=${height}px`;
  return `\x1b]1337;File=inline=1;${size};preserveAspectRatio=1:${file.toBase64()}\x07`;
}

/** Two pixels a cell: the upper one is the colour of the block, the lower one that behind it. */
function halfBlocks(
  { width, height, data }: Pixels,
  color: (red: number, green: number, blue: number) => string,
): string {
  const at = (x: number, y: number) => {
    const from = (y * width + x) * 3;
    return color(data[from]!, data[from + 1]!, data[from + 2]!);
  };
  let text = "";
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x++) {
      const below = y + 1 < height ? `;48;${at(x, y + 1)}` : "";
      text += `\x1b[38;${at(x, y)}${below}m▀`;
      if (below === "") text += "\x1b[0m";
    }
    text += "\x1b[0m\r\n";
  }
  return text;
}

/** Of the 6 × 6 × 6 colours behind the first 16. */
function paletteIndex(red: number, green: number, blue: number): number {
  const level = (value: number) => Math.round(value / 51);
  return 16 + 36 * level(red) + 6 * level(green) + level(blue);
}
