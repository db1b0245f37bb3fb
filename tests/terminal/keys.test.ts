import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Key, KeyDecoder } from "../../src/terminal/keys.ts";

const encoder = new TextEncoder();

/** Keys as short texts: `"a"`, `<enter>`, `[a paste]`. */
function decode(...chunks: (string | Uint8Array)[]): string {
  const decoder = new KeyDecoder();
  const keys = chunks.flatMap((chunk) =>
    decoder.push(typeof chunk === "string" ? encoder.encode(chunk) : chunk)
  );
  return [...keys, ...decoder.flush()].map(show).join("");
}

function show(key: Key): string {
  if (key.type === "named") return `<${key.name}>`;
  return key.type === "paste" ? `[${key.text}]` : key.text;
}

test("KeyDecoder names control characters", () => {
  expect(decode("a\rb\t\x7f\x08")).toBe("a<enter>b<tab><backspace><ctrl-h>");
  expect(decode("\x01\x03\x04\x05\x07\x0a\x0b\x0c\x12\x15\x17\x00")).toBe(
    "<ctrl-a><ctrl-c><ctrl-d><ctrl-e><ctrl-g><ctrl-j><ctrl-k><ctrl-l><ctrl-r><ctrl-u><ctrl-w><ctrl-space>",
  );
});

test("KeyDecoder knows the keys of xterm, of Kitty's protocol and of modifyOtherKeys", () => {
  const cases: readonly (readonly [sequence: string, keys: string])[] = [
    ["\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F", "<up><down><right><left><home><end>"],
    ["\x1bOA\x1bOH", "<up><home>"],
    ["\x1b[3~\x1b[1~\x1b[4~\x1b[5~\x1b[6~", "<delete><home><end><page-up><page-down>"],
    ["\x1b[1;5C\x1b[1;3D\x1b[1;2A\x1b[3;5~", "<ctrl-right><alt-left><shift-up><ctrl-delete>"],
    ["\x1bb\x1bf\x1bd\x1b\x7f\x1b\r", "<alt-b><alt-f><alt-d><alt-backspace><alt-enter>"],
    ["\x1b[13;2u\x1b[13;3u\x1b[27u\x1b[99;5u", "<shift-enter><alt-enter><escape><ctrl-c>"],
    ["\x1b[98;3u\x1b[127;3u\x1b[9;2u\x1b[57414u", "<alt-b><alt-backspace><shift-tab><enter>"],
    ["\x1b[97u\x1b[27;2;13~\x1b[27;5;103~", "a<shift-enter><ctrl-g>"],
    ["\x1b[Z", "<shift-tab>"],
    // Answers of the terminal, and keys that mean nothing here.
    ["a\x1b[?1;2cb\x1b[200;1Rc\x1b[57358ud", "abcd"],
  ];
  for (const [sequence, keys] of cases) expect(decode(sequence)).toBe(keys);
});

test("KeyDecoder gives a paste as one key, with line feeds, whatever it holds", () => {
  expect(decode("x\x1b[200~one\rtwo\r\n\x03\x1b[A\x1b[201~y")).toBe("x[one\ntwo\n\x03\x1b[A]y");
  expect(decode("\x1b[200~", "a", "\x1b[20", "1~b")).toBe("[a]b");
});

test("KeyDecoder cuts a paste that is no question, and goes on behind it", () => {
  const decoder = new KeyDecoder();
  const keys = [
    ...decoder.push(encoder.encode("\x1b[200~")),
    ...Array.from({ length: 6 }, () => decoder.push(encoder.encode("x".repeat(1024 * 1024)))).flat(),
    ...decoder.push(encoder.encode("\x1b[201~y")),
  ];
  expect(keys.map(({ type }) => type)).toEqual(["paste", "text"]);
  const [paste] = keys;
  expect(paste!.type === "paste" && paste!.text.length).toBeLessThanOrEqual(4 * 1024 * 1024 + 16);
});

test("KeyDecoder waits for the rest of a sequence, and takes a lone escape for the key", () => {
  const decoder = new KeyDecoder();
  expect(decoder.push(encoder.encode("\x1b"))).toEqual([]);
  expect(decoder.waiting).toBe(true);
  expect(decoder.flush()).toEqual([{ type: "named", name: "escape" }]);
  expect(decoder.waiting).toBe(false);
  expect(decode("\x1b\x1b[A")).toBe("<escape><up>");
});

test("KeyDecoder gives the same keys however the bytes are cut", () => {
  const pieces = [
    "a",
    "漢",
    "👨‍👩‍👧",
    "\r",
    "\x03",
    "\x1b[A",
    "\x1b[1;5C",
    "\x1bOH",
    "\x1bb",
    "\x1b[13;2u",
    "\x1b[200~p\rq\x1b[201~",
  ];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }),
      fc.array(fc.nat(40)),
      (keys, cuts) => {
        const bytes = encoder.encode(keys.join(""));
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index]!, end));
        expect(decode(...chunks)).toBe(decode(bytes));
      },
    ),
    { numRuns: 200 },
  );
});

test("KeyDecoder never gives a text with a control character", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), (chunks) => {
      const decoder = new KeyDecoder();
      for (const key of chunks.flatMap((chunk) => decoder.push(chunk))) {
        // deno-lint-ignore no-control-regex -- control characters are what this is about
        if (key.type === "text") expect(key.text).not.toMatch(/[\x00-\x1f\x7f]/);
      }
    }),
    { numRuns: 300 },
  );
});
