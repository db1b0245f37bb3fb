import { TemplateRunaway } from "./template_runaway.ts";

interface Value {
  readonly value: unknown;
}

/** Nesting of values: printing them recurses as deep. A request's JSON has 64 levels. */
const maxDepth = 128;
/** Characters that a value has besides its text: quotes, separators, digits of a number. */
const valueLength = 8;

/**
 * How many characters values print, about. A few lists that hold one another twice print more than any memory
 * holds, so what is shared counts each time, but is walked once: only a namespace can change, and what holds one
 * is walked again.
 */
export class ValueSizes {
  readonly #known = new WeakMap<object, number>();
  #left = 0;

  /** @param maxSize a value that is larger is not walked to its end */
  constructor(readonly maxSize: number) {}

  /** @throws {TemplateRunaway} If walking the value takes too long, because it is large or holds itself. */
  of(value: Value): number {
    this.#left = this.maxSize / valueLength;
    return this.#measure(value, 0).size;
  }

  #measure(value: Value, depth: number): { size: number; fixed: boolean } {
    const content = value.value;
    if (typeof content === "string") return { size: valueLength + content.length, fixed: true };
    if (!(content instanceof Map) && !Array.isArray(content)) return { size: valueLength, fixed: true };
    const known = this.#known.get(content);
    if (known !== undefined) return { size: known, fixed: true };
    if (depth > maxDepth || --this.#left < 0) throw new TemplateRunaway();
    let size = valueLength;
    let fixed = (value as { type?: unknown }).type !== "NamespaceValue";
    if (content instanceof Map) { for (const key of content.keys()) size += String(key).length; }
    for (const item of content.values() as Iterable<Value>) {
      const part = this.#measure(item, depth + 1);
      size += part.size;
      fixed &&= part.fixed;
    }
    if (fixed) this.#known.set(content, size);
    return { size, fixed };
  }
}
