import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isEmbedded } from "../base/embedded.ts";
import { DeviceError } from "../base/errors.ts";

/** First bytes of `build/shaders.bin`; the digit is the version of its form. */
export const shaderMagic = "LVSPIRV1";

const remedy = "Run `bun run build:shaders`";

/**
 * SPIR-V of all shaders, from the one file that `tools/build_shaders.ts` writes and the executable embeds:
 * magic, u32 length of the index, the index as JSON `{name: [offset, byteLength]}` padded to 4, the modules.
 */
export class ShaderLibrary {
  readonly #modules: Map<string, Uint8Array>;

  constructor(modules: Map<string, Uint8Array>) {
    this.#modules = modules;
  }

  /** @throws {DeviceError} If the file is missing or of another form. */
  static load(path: string = shaderBlobPath()): ShaderLibrary {
    let blob: Uint8Array;
    try {
      blob = new Uint8Array(readFileSync(path));
    } catch (error) {
      throw new DeviceError(`Cannot read the compiled shaders at "${path}"`, remedy, { cause: error });
    }
    return new ShaderLibrary(unpackShaders(blob));
  }

  get names(): readonly string[] {
    return [...this.#modules.keys()];
  }

  /** @throws {DeviceError} If there is no shader of that name. */
  get(name: string): Uint8Array {
    const module = this.#modules.get(name);
    if (!module) throw new DeviceError(`The compiled shaders hold no "${name}"`, remedy);
    return module;
  }
}

/** Puts modules into the form of `build/shaders.bin`. */
export function packShaders(modules: ReadonlyMap<string, Uint8Array>): Uint8Array {
  let offset = 0;
  const index: Record<string, [number, number]> = {};
  for (const [name, module] of modules) {
    index[name] = [offset, module.length];
    offset += module.length;
  }
  const text = JSON.stringify(index);
  const padded = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4));
  const head = new Uint8Array(shaderMagic.length + 4);
  head.set(new TextEncoder().encode(shaderMagic));
  new DataView(head.buffer).setUint32(shaderMagic.length, padded.length, true);
  return new Uint8Array(Buffer.concat([head, padded, ...modules.values()]));
}

function unpackShaders(blob: Uint8Array): Map<string, Uint8Array> {
  const decoder = new TextDecoder();
  const magic = decoder.decode(blob.subarray(0, shaderMagic.length));
  if (magic !== shaderMagic) throw new DeviceError("The compiled shaders have another form", remedy);
  const start = shaderMagic.length + 4;
  const length = new DataView(blob.buffer, blob.byteOffset).getUint32(shaderMagic.length, true);
  const index: Record<string, [number, number]> = JSON.parse(
    decoder.decode(blob.subarray(start, start + length)),
  );
  const base = start + length;
  // Copies, because modules must start at addresses that are multiples of 4.
  const module = ([offset, bytes]: [number, number]): Uint8Array =>
    blob.slice(base + offset, base + offset + bytes);
  return new Map(Object.entries(index).map(([name, place]) => [name, module(place)]));
}

/** In the executable the bundler has replaced `require` by the path of the embedded file. */
function shaderBlobPath(): string {
  return isEmbedded(import.meta.dir)
    ? require("../../build/shaders.bin")
    : join(import.meta.dir, "../../build/shaders.bin");
}
