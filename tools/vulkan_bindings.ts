/**
 * Writes `ffi/vulkan.gen.ts` from the Vulkan registry and `ffi/vulkan.manifest.ts`.
 *
 *     bun tools/vulkan_bindings.ts [--check] [--registry vk.xml]
 *
 * `--check` compares with the file that is checked in and exits with 1 when they differ.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { manifest } from "../ffi/vulkan.manifest.ts";
import { elements, parseXml, textOf, type XmlNode } from "./xml.ts";

const outputPath = join(import.meta.dir, "../ffi/vulkan.gen.ts");
const defaultRegistry = "/usr/share/vulkan/registry/vk.xml";

/** A scalar of the C ABI on 64-bit Linux, macOS and Windows, as `ffi/struct.ts` names it. */
type Scalar = "u8" | "char" | "i32" | "u32" | "u64" | "f32" | "pointer";
interface Member {
  readonly name: string;
  readonly type: Scalar | string;
  readonly struct: boolean;
  readonly count?: number;
  readonly sType?: string;
}
interface Struct {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly sType: number | undefined;
  readonly fields: readonly (Member & { offset: number })[];
}

const scalarBytes: Readonly<Record<Scalar, number>> = {
  u8: 1,
  char: 1,
  i32: 4,
  u32: 4,
  u64: 8,
  f32: 4,
  pointer: 8,
};
const cTypes: Readonly<Record<string, Scalar>> = {
  "char": "char",
  "uint8_t": "u8",
  "int32_t": "i32",
  "uint32_t": "u32",
  "uint64_t": "u64",
  "size_t": "u64",
  "float": "f32",
};

/** The parts of the registry that the manifest can ask for. */
class Registry {
  readonly #types = new Map<string, XmlNode>();
  readonly #commands = new Map<string, XmlNode>();
  readonly #constants = new Map<string, number>();
  readonly #enums = new Map<string, string[]>();
  readonly #structs = new Map<string, Struct>();

  constructor(root: XmlNode) {
    for (const list of elements(root, "types")) {
      for (const type of elements(list, "type")) this.#types.set(typeName(type), type);
    }
    for (const list of elements(root, "commands")) {
      for (const command of elements(list, "command")) this.#commands.set(commandName(command), command);
    }
    for (const list of elements(root, "enums")) this.#readEnums(list);
    for (const feature of elements(root, "feature")) this.#readExtensionEnums(feature, 0);
    for (const list of elements(root, "extensions")) {
      for (const extension of elements(list, "extension")) {
        this.#readExtensionEnums(extension, Number(extension.attributes.number));
      }
    }
  }

  constant(name: string): number {
    return required(this.#constants.get(name), "constant", name);
  }

  enumNames(name: string): readonly string[] {
    return required(this.#enums.get(name), "enumeration", name);
  }

  command(name: string): { name: string; args: string[]; parameters: string[]; returns: string } {
    let node = required(this.#commands.get(name), "command", name);
    if (node.attributes.alias) node = required(this.#commands.get(node.attributes.alias), "command", name);
    const parameters = elements(node, "param").filter((param) => param.attributes.api !== "vulkansc");
    const proto = textOf(child(node, "proto")).replace(child2(node, "proto", "name"), "").trim();
    return {
      name,
      args: parameters.map((param) => ffiType(this.#scalar(param))),
      parameters: parameters.map((param) => textOf(child(param, "name"))),
      returns: proto === "void" ? "void" : proto.startsWith("PFN_") ? "ptr" : "i32",
    };
  }

  struct(name: string): Struct {
    const known = this.#structs.get(name);
    if (known) return known;
    const node = required(this.#types.get(name), "struct", name);
    if (node.attributes.alias) return { ...this.struct(node.attributes.alias), name };
    const struct = this.#layOut(name, elements(node, "member").map((member) => this.#member(member)));
    this.#structs.set(name, struct);
    return struct;
  }

  #layOut(name: string, members: readonly Member[]): Struct {
    let offset = 0;
    let align = 1;
    const fields = members.map((member) => {
      const inner = member.struct ? this.struct(member.type) : undefined;
      const size = inner?.size ?? scalarBytes[member.type as Scalar];
      const fieldAlign = inner?.align ?? size;
      offset = roundUp(offset, fieldAlign);
      align = Math.max(align, fieldAlign);
      const field = { ...member, offset };
      offset += size * (member.count ?? 1);
      return field;
    });
    const sType = members[0]?.sType;
    return {
      name,
      size: roundUp(offset, align),
      align,
      sType: sType && this.constant(sType) || undefined,
      fields,
    };
  }

  #member(node: XmlNode): Member {
    const name = textOf(child(node, "name"));
    const array = /\[\s*(\w+)\s*\]$/.exec(textOf(node).trim());
    const count = array ? Number(array[1]) || this.constant(array[1]!) : undefined;
    const sType = node.attributes.values;
    const type = textOf(child(node, "type"));
    const isStruct = ["struct", "union"].includes(this.#types.get(type)?.attributes.category ?? "");
    const struct = isStruct && !textOf(node).includes("*");
    return { name, type: struct ? type : this.#scalar(node), struct, count, sType };
  }

  /** The ABI type of a member or parameter that is not a struct by value. */
  #scalar(node: XmlNode): Scalar {
    const declaration = textOf(node);
    const type = textOf(child(node, "type"));
    const isParameterArray = node.tag === "param" && declaration.includes("[");
    if (declaration.includes("*") || isParameterArray || type.startsWith("PFN_")) return "pointer";
    const plain = cTypes[type];
    if (plain) return plain;
    const node2 = required(this.#types.get(type), "type", type);
    if (node2.attributes.alias) {
      return this.#scalar({ tag: "member", attributes: {}, children: aliasOf(node2) });
    }
    switch (node2.attributes.category) {
      case "enum":
        return "i32";
      case "handle":
        return "u64";
      case "bitmask":
      case "basetype":
        return required(cTypes[baseOf(node2)] ?? this.#flags(node2), "base type", type);
      default:
        throw new Error(`Type ${type} of category ${node2.attributes.category} is not supported`);
    }
  }

  #flags(node: XmlNode): Scalar | undefined {
    const base = this.#types.get(baseOf(node));
    return base && cTypes[baseOf(base)];
  }

  #readEnums(list: XmlNode): void {
    const names: string[] = [];
    for (const item of elements(list, "enum")) {
      const value = enumValue(item, 0);
      if (value === undefined) continue;
      this.#constants.set(item.attributes.name!, value);
      names.push(item.attributes.name!);
    }
    this.#enums.set(list.attributes.name ?? "", names);
  }

  #readExtensionEnums(owner: XmlNode, number: number): void {
    for (const require of elements(owner, "require")) {
      for (const item of elements(require, "enum")) {
        const value = enumValue(item, number);
        if (value === undefined) continue;
        this.#constants.set(item.attributes.name!, value);
        if (item.attributes.extends) this.#enums.get(item.attributes.extends)?.push(item.attributes.name!);
      }
    }
  }
}

/** Value of an `<enum>`: literal, bit position, or the arithmetic of extension numbers. */
function enumValue(item: XmlNode, extension: number): number | undefined {
  const { value, bitpos, offset, dir, extnumber } = item.attributes;
  if (bitpos !== undefined) return 2 ** Number(bitpos);
  if (offset !== undefined) {
    const code = 1_000_000_000 + (Number(extnumber ?? extension) - 1) * 1000 + Number(offset);
    return dir === "-" ? -code : code;
  }
  if (value === undefined) return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function typeName(type: XmlNode): string {
  return type.attributes.name ??
    textOf(elements(type, "name")[0] ?? { tag: "", attributes: {}, children: [] });
}
function commandName(command: XmlNode): string {
  return command.attributes.name ?? child2(command, "proto", "name");
}
function child(node: XmlNode, tag: string): XmlNode {
  return required(elements(node, tag)[0], `child <${tag}> of`, node.tag);
}
function child2(node: XmlNode, first: string, second: string): string {
  return textOf(child(child(node, first), second));
}
function baseOf(node: XmlNode): string {
  return textOf(child(node, "type"));
}
function aliasOf(node: XmlNode): XmlNode[] {
  return [{ tag: "type", attributes: {}, children: [node.attributes.alias!] }];
}
function ffiType(scalar: Scalar): string {
  return scalar === "pointer" ? "ptr" : scalar;
}
function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
function required<T>(value: T | undefined, kind: string, name: string): T {
  if (value === undefined) throw new Error(`The registry holds no ${kind} ${name}`);
  return value;
}

/** Structs in an order in which each follows those it contains. */
function structsInOrder(registry: Registry, names: readonly string[]): Struct[] {
  const done = new Map<string, Struct>();
  const visit = (name: string): void => {
    if (done.has(name)) return;
    const struct = registry.struct(name);
    for (const field of struct.fields) if (field.struct) visit(field.type);
    done.set(name, struct);
  };
  names.forEach(visit);
  return [...done.values()];
}

function renderStruct(struct: Struct): string {
  const fields = struct.fields.map((field) => {
    const type = field.struct ? field.type : `"${field.type}"`;
    return `    ${field.name}: [${field.offset}, ${type}${
      field.count === undefined ? "" : `, ${field.count}`
    }],`;
  });
  const sType = struct.sType === undefined ? "" : ` sType: ${struct.sType},`;
  return `export const ${struct.name} = {\n  name: "${struct.name}", size: ${struct.size},${sType}\n` +
    `  fields: {\n${fields.join("\n")}\n  },\n} as const satisfies Layout;\n`;
}

function renderCommands(registry: Registry, table: string, names: readonly string[]): string {
  const lines = names.map((name) => {
    const { args, parameters, returns } = registry.command(name);
    const list = args.map((arg) => `"${arg}"`).join(", ");
    return `  // ${parameters.join(", ")}\n  ${name}: { args: [${list}], returns: "${returns}" },`;
  });
  return `export const ${table} = {\n${lines.join("\n")}\n} as const satisfies Signatures;\n`;
}

function renderEnum(registry: Registry, name: string): string {
  const lines = [...new Set(registry.enumNames(name))].map((item) =>
    `  ${item}: ${registry.constant(item)},`
  );
  return `export const ${name} = {\n${lines.join("\n")}\n} as const;\n`;
}

/** The text of `vulkan.gen.ts` for a registry file. */
export function generateBindings(xml: string): string {
  const registry = new Registry(parseXml(xml));
  return [
    "// Written by tools/vulkan_bindings.ts from the Vulkan registry. Do not edit.\n",
    'import type { Layout } from "./struct.ts";\nimport type { Signatures } from "./library.ts";\n',
    manifest.constants.map((name) => `export const ${name} = ${registry.constant(name)};\n`).join(""),
    ...manifest.enums.map((name) => renderEnum(registry, name)),
    ...structsInOrder(registry, manifest.structs).map(renderStruct),
    renderCommands(registry, "globalCommands", manifest.globalCommands),
    renderCommands(registry, "instanceCommands", manifest.instanceCommands),
    renderCommands(registry, "deviceCommands", manifest.deviceCommands),
  ].join("\n");
}

function main(): number {
  const { values } = parseArgs({ options: { check: { type: "boolean" }, registry: { type: "string" } } });
  const text = generateBindings(readFileSync(values.registry ?? defaultRegistry, "utf8"));
  if (!values.check) {
    writeFileSync(outputPath, text);
    return 0;
  }
  if (existsSync(outputPath) && readFileSync(outputPath, "utf8") === text) return 0;
  console.error(
    "ffi/vulkan.gen.ts differs from the registry and the manifest: run bun tools/vulkan_bindings.ts",
  );
  return 1;
}

if (import.meta.main) process.exit(main());
