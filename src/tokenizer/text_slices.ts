import { RequestError } from "../base/errors.ts";

/** Together they take a tenth of a second to encode, at worst: a run of spaces, which become few tokens. */
export const sliceLength = 1 << 13;
const longestRun = 1 << 15;

/**
 * Where tokens end for sure, by the split pattern of Llama 3: no branch of it has anything but letters behind a letter,
 * anything but digits behind a digit, a space behind what is no white space, or more than line breaks behind one that
 * something visible follows. And none looks back.
 */
const border = /\p{L}(?=\P{L})|\p{N}(?=\P{N})|\S(?= )|[\r\n](?=\S)/gu;

/**
 * Cuts a long text where tokens end for sure, so that it can be encoded piece by piece.
 *
 * @param length characters of a slice, at least
 * @throws {RequestError} If there is no such place for 32 Ki characters.
 */
export function* textSlices(text: string, length: number = sliceLength): Generator<string> {
  for (let begin = 0; begin < text.length;) {
    const window = text.slice(begin, wholeCharacter(text, begin + length + longestRun));
    border.lastIndex = length;
    const found = border.exec(window);
    if (!found && begin + window.length < text.length) throw tooLongRun();
    const slice = found ? window.slice(0, found.index + found[0].length) : window;
    yield slice;
    begin += slice.length;
  }
}

/** An end at or behind `end` that cuts no character into halves: half a letter does not look like one. */
function wholeCharacter(text: string, end: number): number {
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff ? end + 1 : end;
}

function tooLongRun(): RequestError {
  return new RequestError(
    `Cannot encode the prompt: letters, digits, signs or spaces may follow their like ${longestRun} times, and one run is longer`,
    { param: "messages", code: "invalid_prompt", remedy: "Send text with words and lines." },
  );
}
