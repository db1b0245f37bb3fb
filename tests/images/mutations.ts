import { crc32 } from "node:zlib";
import { type Draw, oneOf } from "../support/draws.ts";

/** Numbers that sit on the edge of a type or of a limit. */
const edges = [
  0,
  1,
  2,
  0x7f,
  0x80,
  0xff,
  0x100,
  0x7fff,
  0x8000,
  0xffff,
  0x10000,
  0x7fffffff,
  0x80000000,
  0xffffffff,
];

type Mutation = (file: Buffer, draw: Draw, others: readonly Uint8Array[]) => Buffer;

const mutations: readonly Mutation[] = [
  function flipBits(file, draw) {
    for (let i = 1 + draw(16); i > 0; i--) file[draw(file.length)]! ^= 1 << draw(8);
    return file;
  },
  function changeBytes(file, draw) {
    for (let i = 1 + draw(8); i > 0; i--) file[draw(file.length)] = draw(256);
    return file;
  },
  // Where the sizes stand.
  function changeHeader(file, draw) {
    for (let i = 1 + draw(4); i > 0; i--) file[draw(Math.min(64, file.length))] = draw(256);
    return file;
  },
  function writeEdge(file, draw) {
    const value = oneOf(draw, edges);
    const bytes = oneOf(draw, [1, 2, 4]);
    const at = draw(Math.max(1, Math.min(file.length - bytes, draw(2) ? 64 : file.length)));
    if (at + bytes > file.length) return file;
    const kept = value % 2 ** (8 * bytes);
    if (draw(2)) file.writeUIntLE(kept, at, bytes);
    else file.writeUIntBE(kept, at, bytes);
    return file;
  },
  function cut(file, draw) {
    return file.subarray(0, 1 + draw(file.length));
  },
  function remove(file, draw) {
    const at = draw(file.length);
    return Buffer.concat([file.subarray(0, at), file.subarray(at + 1 + draw(64))]);
  },
  function repeat(file, draw) {
    const at = draw(file.length);
    const piece = file.subarray(at, at + 1 + draw(256));
    return Buffer.concat([file.subarray(0, at), ...Array(1 + draw(8)).fill(piece), file.subarray(at)]);
  },
  function splice(file, draw, others) {
    const other = oneOf(draw, others);
    return Buffer.concat([file.subarray(0, draw(file.length)), other.subarray(draw(other.length))]);
  },
  function fill(file, draw) {
    const at = draw(file.length);
    file.fill(draw(2) ? 0 : 255, at, Math.min(file.length, at + 1 + draw(512)));
    return file;
  },
];

/** One to three changes of a file, which is left as it is. PNG chunks get right checksums half of the time. */
export function mutate(original: Uint8Array, others: readonly Uint8Array[], draw: Draw): Buffer {
  let file: Buffer = Buffer.from(original);
  for (let i = 1 + draw(3); i > 0; i--) {
    const changed = oneOf(draw, mutations)(file, draw, others);
    if (changed.length > 0) file = Buffer.from(changed);
  }
  return draw(2) ? file : withChecksums(file);
}

/** Without right checksums nothing behind the first changed chunk of a PNG would be looked at. */
function withChecksums(file: Buffer): Buffer {
  if (file.length < 8 || file.readUInt32BE(0) !== 0x89504e47) return file;
  for (let at = 8; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at);
    if (at + 12 + length > file.length) break;
    file.writeUInt32BE(crc32(file.subarray(at + 4, at + 8 + length)), at + 8 + length);
    at += 12 + length;
  }
  return file;
}
