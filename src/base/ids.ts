/** An id like no other, behind what says of what it is: `call_…`, `chatcmpl-…`. */
export function newId(prefix: string): string {
  return `${prefix}${crypto.randomUUID().replaceAll("-", "")}`;
}
