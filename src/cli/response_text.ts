import { concatBytes } from "../base/bytes.ts";

/** The body of a response; nothing where it has more than so many bytes: it may have no end. */
export async function responseText({ body }: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body ?? []) {
    total += chunk.length;
    if (total > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(concatBytes(chunks));
}
