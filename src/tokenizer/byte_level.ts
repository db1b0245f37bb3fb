/**
 * The byte-level alphabet of GPT-2 style vocabularies: each byte value, 0 to 255, has one printable character. Bytes
 * that are printable in Latin-1 stand for themselves; the others, in order, are U+0100, U+0101, …
 * Source: Radford et al. 2019, the published GPT-2 encoder.
 */
export const byteCharacters: readonly string[] = buildAlphabet();

/** The byte of each character of the alphabet, by its code. */
const byteOfCode: readonly (number | undefined)[] = tableOfCodes();

/** Bytes of a vocabulary entry. One with characters outside the alphabet stands for its own text. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCode[token.charCodeAt(i)];
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** Text of bytes that are whole characters; `undefined` for any others. */
export function wholeTextOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function tableOfCodes(): (number | undefined)[] {
  const table: (number | undefined)[] = [];
  for (const [byte, character] of byteCharacters.entries()) table[character.charCodeAt(0)] = byte;
  return table;
}

function buildAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}
