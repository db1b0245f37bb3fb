/**
 * The byte-level alphabet of GPT-2 style vocabularies: each byte value, 0 to 255, has one printable character. Bytes
 * that are printable in Latin-1 stand for themselves; the others, in order, are U+0100, U+0101, …
 * Source: Radford et al. 2019, the published GPT-2 encoder.
 */
export const byteCharacters: readonly string[] = buildAlphabet();

const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  byteCharacters.map((character, byte) => [character, byte]),
);

/** Bytes of a vocabulary entry. One with characters outside the alphabet stands for its own text. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => byteOfCharacter.get(character));
  return bytes.includes(undefined) ? new TextEncoder().encode(token) : Uint8Array.from(bytes as number[]);
}

function buildAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}
