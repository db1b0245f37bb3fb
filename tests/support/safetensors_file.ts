import { readFileSync } from "node:fs";

/** A tensor as a test wants it: a typed array of its own dtype, and its shape. */
export interface FileTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/**
 * Reads a whole safetensors file that the tests trust. Slow and obvious, and on purpose not the product's
 * reader: `tests/weights/safetensors.test.ts` compares the two. F16 and BF16 come back as their raw 16-bit
 * words.
 */
export function readSafetensorsFile(path: string): Map<string, FileTensor> {
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes)) as Record<string, HeaderEntry>;
  const tensors = new Map<string, FileTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    // A copy, because the data section need not be aligned to the element size.
    const data = bytes.buffer.slice(
      bytes.byteOffset + 8 + headerBytes + begin,
      bytes.byteOffset + 8 + headerBytes + end,
    ) as ArrayBuffer;
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, data: typed(entry.dtype, data) });
  }
  return tensors;
}

function typed(dtype: string, data: ArrayBuffer): FileTensor["data"] {
  switch (dtype) {
    case "F32":
      return new Float32Array(data);
    case "I32":
      return new Int32Array(data);
    case "I64":
      return new BigInt64Array(data);
    case "F16":
    case "BF16":
      return new Uint16Array(data);
    case "U8":
      return new Uint8Array(data);
    default:
      throw new TypeError(`No test needs dtype ${dtype}`);
  }
}

/** The bytes of a safetensors file with this header text, well-formed or not, and this data section. */
export function safetensorsBytes(
  header: string | Uint8Array,
  data: Uint8Array,
  headerLength?: bigint,
): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}
