/** Words of a prompt that may have been meant as something else: it is told, and they stay what they are. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { quote } from "../base/quote.ts";
import type { CliContext } from "./context.ts";
import { isPictureUrl, pictureName, seemsPicture } from "./pictures.ts";

/** Letters and digits with what names of models have between them: `12b`, `llama3.2-vision`. */
const modelLike = /^(?=.*\d)(?=.*[a-z])[\w.:-]+$/i;

/** Tells of a first word that looks like MODEL or a picture, and is none: it begins the prompt. */
export function tellNoModel(
  [first = ""]: readonly string[],
  { terminal }: Pick<CliContext, "terminal">,
): void {
  // The address of a picture is refused, see `buildRequest`: it may hold a password. So is a file that is there.
  const isPicture = pictureName.test(first) && !isPictureUrl(first) && !/\s/.test(first) &&
    !existsSync(first);
  if (!isPicture && !modelLike.test(first)) return;
  const what = isPicture
    ? "file"
    : "model; there are 11b, 90b, repositories of the hub (OWNER/NAME) and directories";
  terminal.note(`note: ${quote(first)} is read as part of the prompt: there is no such ${what}`);
}

/** Tells of pictures whose names stand in the prompt, and that nobody gave with `--image`. */
export async function tellNamedPictures(
  words: readonly string[],
  given: readonly string[],
  context: Pick<CliContext, "terminal" | "env">,
): Promise<void> {
  const [{ findMentions }, { homeOf }] = await Promise.all([
    import("./chat/mentions.ts"),
    import("./chat/home.ts"),
  ]);
  const known = new Set(given.map((name) => resolve(name)));
  for (const { path } of findMentions(words.join(" "), homeOf(context))) {
    if (known.has(resolve(path)) || !(await seemsPicture(path))) continue;
    known.add(resolve(path));
    context.terminal.note(`note: ${quote(path)} is read as text; --image ${path} gives the picture`);
  }
}
