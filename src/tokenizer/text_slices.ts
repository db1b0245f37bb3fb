import { RequestError } from "../base/errors.ts";

const sliceLength = 1 << 14;
const maxSliceLength = 1 << 18;

/**
 * Cuts a long text where tokens end for sure, so that it can be encoded piece by piece: in front of a space that
 * follows something else than white space. No branch of the split pattern of Llama 3 has a space behind another
 * character, and none looks back.
 *
 * @param length characters of a slice, at least
 * @throws {RequestError} If there is no such place for 256 Ki characters, which take seconds to encode.
 */
export function* textSlices(text: string, length: number = sliceLength): Generator<string> {
  const wordEnd = /\S /g;
  for (let begin = 0; begin < text.length;) {
    wordEnd.lastIndex = begin + length;
    const found = wordEnd.exec(text);
    const end = found ? found.index + 1 : text.length;
    if (end - begin > maxSliceLength) {
      throw new RequestError(
        `Cannot encode the prompt: a word must have at most ${maxSliceLength} characters, and one has ${
          end - begin
        }`,
        { param: "messages", code: "invalid_prompt", remedy: "Send text with spaces." },
      );
    }
    yield text.slice(begin, end);
    begin = end;
  }
}
