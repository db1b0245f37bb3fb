/**
 * A reader of SPIR-V that knows as much as the comparison with our kernel declarations needs. Numbers are
 * those of the SPIR-V specification, version 1.5, section 3.
 */
const magic = 0x07230203;
const op = {
  name: 5,
  memberName: 6,
  typeBool: 20,
  typeInt: 21,
  typeFloat: 22,
  typeVector: 23,
  typeRuntimeArray: 29,
  typeStruct: 30,
  typePointer: 32,
  constant: 43,
  specConstantTrue: 48,
  specConstantFalse: 49,
  specConstant: 50,
  specConstantComposite: 51,
  variable: 59,
  decorate: 71,
  memberDecorate: 72,
} as const;
const decoration = {
  specId: 1,
  arrayStride: 6,
  builtIn: 11,
  nonWritable: 24,
  nonReadable: 25,
  binding: 33,
  descriptorSet: 34,
  offset: 35,
} as const;
const storageClass = { pushConstant: 9, storageBuffer: 12 } as const;
const builtInWorkgroupSize = 25;

export interface ReflectedBuffer {
  readonly set: number;
  readonly binding: number;
  /** Name of the block's array. */
  readonly name: string;
  /** Element type such as `f32`, `u32x4`. */
  readonly element: string;
  readonly elementStride: number;
  readonly readable: boolean;
  readonly writable: boolean;
}
export interface ReflectedScalar {
  readonly name: string;
  readonly offset: number;
  readonly type: string;
}
export interface ReflectedConstant {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly initial: number;
}
export interface ReflectedShader {
  readonly buffers: readonly ReflectedBuffer[];
  readonly scalars: readonly ReflectedScalar[];
  readonly constants: readonly ReflectedConstant[];
  /** Id of the specialization constant that is the workgroup's x size, if one is. */
  readonly workgroupSizeId: number | undefined;
}

interface Instruction {
  readonly opcode: number;
  readonly operands: Uint32Array;
}

/**
 * Reads names, bindings, types and constants of a compute shader.
 *
 * @throws {SyntaxError} If the bytes are not SPIR-V.
 */
export function reflectShader(bytes: Uint8Array): ReflectedShader {
  const module = new Module(bytes);
  const variables = module.all(op.variable);
  const inClass = (wanted: number): Uint32Array[] => variables.filter((operands) => operands[2] === wanted);
  const push = inClass(storageClass.pushConstant)[0];
  return {
    buffers: inClass(storageClass.storageBuffer).map((variable) => module.buffer(variable))
      .toSorted((a, b) => a.binding - b.binding),
    scalars: push ? module.scalars(push) : [],
    constants: module.constants(),
    workgroupSizeId: module.workgroupSizeId(),
  };
}

class Module {
  readonly #instructions: Instruction[] = [];
  /** The instruction that makes each result id, for types, variables and constants. */
  readonly #types = new Map<number, Instruction>();
  readonly #names = new Map<number, string>();
  readonly #memberNames = new Map<string, string>();
  /** Decorations by `id,decoration` or `struct,member,decoration`; the value is the first operand or 1. */
  readonly #decorations = new Map<string, number>();

  constructor(bytes: Uint8Array) {
    const words = new Uint32Array(bytes.slice().buffer);
    if (words[0] !== magic) throw new SyntaxError("Not SPIR-V of this byte order");
    for (let at = 5; at < words.length;) {
      const length = words[at]! >>> 16;
      if (length === 0) throw new SyntaxError(`Instruction of length 0 at word ${at}`);
      this.#read({ opcode: words[at]! & 0xffff, operands: words.subarray(at + 1, at + length) });
      at += length;
    }
  }

  all(opcode: number): Uint32Array[] {
    return this.#instructions.filter((instruction) => instruction.opcode === opcode).map(({ operands }) =>
      operands
    );
  }

  buffer(variable: Uint32Array): ReflectedBuffer {
    const [pointerType, id] = variable;
    const struct = this.#pointee(pointerType!);
    const array = this.#types.get(this.#members(struct)[0]!);
    if (array?.opcode !== op.typeRuntimeArray) {
      throw new SyntaxError(`Buffer ${this.#names.get(id!)} is no array`);
    }
    const has = (which: number): boolean =>
      this.#decorations.has(`${id},${which}`) || this.#decorations.has(`${struct},0,${which}`);
    return {
      set: this.#decorations.get(`${id},${decoration.descriptorSet}`) ?? -1,
      binding: this.#decorations.get(`${id},${decoration.binding}`) ?? -1,
      name: this.#memberNames.get(`${struct},0`) ?? "",
      element: this.#typeName(array.operands[1]!),
      elementStride: this.#decorations.get(`${array.operands[0]},${decoration.arrayStride}`) ?? 0,
      readable: !has(decoration.nonReadable),
      writable: !has(decoration.nonWritable),
    };
  }

  scalars(variable: Uint32Array): ReflectedScalar[] {
    const struct = this.#pointee(variable[0]!);
    return [...this.#members(struct)].map((type, index) => ({
      name: this.#memberNames.get(`${struct},${index}`) ?? "",
      offset: this.#decorations.get(`${struct},${index},${decoration.offset}`) ?? -1,
      type: this.#typeName(type),
    }));
  }

  /** Named specialization constants by id. The compiler adds unnamed twins for `local_size_x_id`. */
  constants(): ReflectedConstant[] {
    const scalars = this.all(op.specConstant).map(([type, id, value]) => ({
      type: type!,
      id: id!,
      value: value!,
    }));
    const booleans = [op.specConstantTrue, op.specConstantFalse].flatMap((opcode) =>
      this.all(opcode).map(([type, id]) => ({
        type: type!,
        id: id!,
        value: opcode === op.specConstantTrue ? 1 : 0,
      }))
    );
    return [...scalars, ...booleans].filter(({ id }) => this.#names.get(id)).map(({ type, id, value }) => ({
      id: this.#decorations.get(`${id},${decoration.specId}`) ?? -1,
      name: this.#names.get(id)!,
      type: this.#typeName(type),
      initial: value,
    })).toSorted((a, b) => a.id - b.id);
  }

  workgroupSizeId(): number | undefined {
    const composite = this.all(op.specConstantComposite).find(([, id]) =>
      this.#decorations.get(`${id},${decoration.builtIn}`) === builtInWorkgroupSize
    );
    return composite && this.#decorations.get(`${composite[2]},${decoration.specId}`);
  }

  #read(instruction: Instruction): void {
    const { opcode, operands } = instruction;
    this.#instructions.push(instruction);
    const [first, second, third] = operands;
    if (opcode === op.name) this.#names.set(first!, text(operands.subarray(1)));
    if (opcode === op.memberName) this.#memberNames.set(`${first},${second}`, text(operands.subarray(2)));
    if (opcode === op.decorate) this.#decorations.set(`${first},${second}`, third ?? 1);
    if (opcode === op.memberDecorate) this.#decorations.set(`${first},${second},${third}`, operands[3] ?? 1);
    if (opcode >= op.typeBool && opcode <= op.typePointer) this.#types.set(first!, instruction);
  }

  #pointee(pointerType: number): number {
    return this.#types.get(pointerType)!.operands[2]!;
  }

  #members(struct: number): Uint32Array {
    return this.#types.get(struct)!.operands.subarray(1);
  }

  #typeName(id: number): string {
    const { opcode, operands } = this.#types.get(id)!;
    if (opcode === op.typeFloat) return `f${operands[1]}`;
    if (opcode === op.typeInt) return `${operands[2] ? "i" : "u"}${operands[1]}`;
    if (opcode === op.typeVector) return `${this.#typeName(operands[1]!)}x${operands[2]}`;
    return opcode === op.typeBool ? "bool" : `type ${opcode}`;
  }
}

/** A literal string: UTF-8 in 32-bit words, ended by a zero byte. */
function text(words: Uint32Array): string {
  const bytes = new Uint8Array(words.slice().buffer);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
