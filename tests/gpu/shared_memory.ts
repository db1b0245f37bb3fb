/**
 * How much shared memory a compiled shader takes under given specialization constants: the sum of its Workgroup
 * variables. Knows the instructions that our shaders' array lengths are made of. Numbers are those of the SPIR-V
 * specification, version 1.5, section 3.
 */
const op = {
  typeInt: 21,
  typeFloat: 22,
  typeVector: 23,
  typeArray: 28,
  typePointer: 32,
  constant: 43,
  specConstant: 50,
  specConstantOp: 52,
  variable: 59,
  decorate: 71,
} as const;
const specId = 1;
const workgroup = 4;

const operations: Readonly<Record<number, (a: number, b: number, c: number) => number>> = {
  128: (a, b) => a + b,
  130: (a, b) => a - b,
  132: (a, b) => a * b,
  134: (a, b) => Math.floor(a / b),
  137: (a, b) => a % b,
  169: (condition, yes, no) => condition ? yes : no,
  170: (a, b) => Number(a === b),
  171: (a, b) => Number(a !== b),
};

/** @param values Specialization constants by id; the shader's own defaults stand for those left out */
export function sharedMemoryBytes(spirv: Uint8Array, values: Readonly<Record<number, number>>): number {
  const words = new Uint32Array(spirv.slice().buffer);
  const sizes = new Map<number, number>();
  const constants = new Map<number, number>();
  const specIds = new Map<number, number>();
  const known = (map: Map<number, number>, id: number | undefined): number => {
    const value = map.get(id!);
    if (value === undefined) throw new SyntaxError(`%${id} is of a kind that this reader does not know`);
    return value;
  };
  let bytes = 0;
  // Types whose size stays unknown, such as booleans and structs, are in none of our Workgroup variables.
  for (let at = 5; at < words.length;) {
    const [opcode, length] = [words[at]! & 0xffff, words[at]! >>> 16];
    const [a, b, c, ...rest] = words.subarray(at + 1, at + length);
    at += length;
    switch (opcode) {
      case op.decorate:
        if (b === specId) specIds.set(a!, c!);
        break;
      case op.typeInt:
      case op.typeFloat:
        sizes.set(a!, b! / 8);
        break;
      case op.typeVector:
        if (sizes.has(b!)) sizes.set(a!, sizes.get(b!)! * c!);
        break;
      case op.typeArray:
        if (sizes.has(b!) && constants.has(c!)) sizes.set(a!, sizes.get(b!)! * constants.get(c!)!);
        break;
      case op.typePointer:
        if (b === workgroup) sizes.set(a!, known(sizes, c));
        break;
      case op.constant:
        constants.set(b!, c!);
        break;
      case op.specConstant:
        constants.set(b!, values[specIds.get(b!)!] ?? c!);
        break;
      case op.specConstantOp: {
        const [x, y, z] = rest.map((id) => constants.get(id));
        const compute = operations[c!];
        if (compute && x !== undefined && y !== undefined) constants.set(b!, compute(x, y, z!));
        break;
      }
      case op.variable:
        if (c === workgroup) bytes += known(sizes, a);
    }
  }
  return bytes;
}
