import { z } from "./zod.ts";

const shortForms = new WeakSet<object>();

/** What `schema` takes, or a text that stands for it. */
export function orText<T extends z.ZodType>(schema: T, widen: (text: string) => unknown) {
  const made = z.preprocess((value) => typeof value === "string" ? widen(value) : value, schema);
  shortForms.add(made);
  return made;
}

/** Whether `orText` has made the schema. What is done before parsing cannot be read off it, and is to be published. */
export function takesText(schema: object): boolean {
  return shortForms.has(schema);
}
