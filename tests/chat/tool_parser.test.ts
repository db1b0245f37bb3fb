import { expect, test } from "bun:test";
import fc from "fast-check";
import { ToolParser, type ToolPiece } from "../../src/chat/tool_parser.ts";

const functions = ["get_weather", "get_weather_soon", "add", "brave_search"].map((name) => ({ name }));

/** What an answer is in the end: its text, and its calls with their arguments. */
interface Parsed {
  readonly text: string;
  readonly calls: readonly (readonly [name: string, json: string])[];
}

function parse(...pieces: readonly string[]): Parsed {
  const parser = new ToolParser(functions);
  const found = pieces.flatMap((piece) => piece === "<tag>" ? parser.pythonTag() : parser.push(piece));
  return collect([...found, ...parser.flush()]);
}

function collect(pieces: readonly ToolPiece[]): Parsed {
  let text = "";
  const calls: [string, string][] = [];
  for (const piece of pieces) {
    if (piece.type === "text") text += piece.text;
    else if (piece.type === "call") calls.push([piece.name, ""]);
    else calls.at(-1)![1] += piece.text;
  }
  return { text, calls };
}

const paris = '{"city": "Paris"}';
const weather: Parsed = { text: "", calls: [["get_weather", paris]] };

const forms: readonly [form: string, answer: string[]][] = [
  ["the form that the template teaches", [`{"name": "get_weather", "parameters": ${paris}}`]],
  ["without spaces", [`{"name":"get_weather","parameters":${paris}}`]],
  ["over several lines", [`\n{\n  "name" : "get_weather",\n  "parameters" : ${paris}\n}\n`]],
  ["with a type before the name", [`{"type": "function", "name": "get_weather", "parameters": ${paris}}`]],
  ["with a type at the end", [`{"name": "get_weather", "parameters": ${paris}, "type": "function"}`]],
  ["with more keys", [`{"name": "get_weather", "id": [1, "}"], "parameters": ${paris}, "x": {"y": "}"}}`]],
  ["with OpenAI's word for the parameters", [`{"name": "get_weather", "arguments": ${paris}}`]],
  ["with the arguments first", [`{"parameters": ${paris}, "name": "get_weather"}`]],
  ["with the arguments in a text", [
    `{"name": "get_weather", "parameters": ${JSON.stringify(paris)}}`,
  ]],
  ["behind a tag", ["<tag>", `{"name": "get_weather", "parameters": ${paris}}`]],
  ["as an element", [`<function=get_weather>${paris}</function>`]],
  ["as an element that is not closed", [`<function=get_weather>${paris}`]],
  ["in a list", [`[{"name": "get_weather", "parameters": ${paris}}]`]],
  ["in the manner of Python", ["[get_weather(city='Paris')]"]],
  ["of Python behind a tag", ["<tag>", 'get_weather(city="Paris")']],
  ["of a built-in function", ["<tag>", 'get_weather.call(city="Paris")']],
  ["without its last brace", [`{"name": "get_weather", "parameters": ${paris}`]],
];

for (const [form, answer] of forms) {
  test(`a call is found ${form}`, () => expect(parse(...answer)).toEqual(weather));
}

test("several calls are found, whatever is between them", () => {
  const add = '{"name": "add", "parameters": {"a": 1}}';
  const calls: Parsed["calls"] = [["add", '{"a": 1}'], ["get_weather", paris]];
  const one = `{"name": "get_weather", "parameters": ${paris}}`;
  for (const between of ["; ", ";", "\n", "", ", ", "\n\n;\n"]) {
    expect(parse(`${add}${between}${one}`)).toEqual({ text: "", calls });
  }
  expect(parse(`[${add}, ${one}]`)).toEqual({ text: "", calls });
  expect(parse(`<function=add>{"a": 1}</function><function=get_weather>${paris}</function>`))
    .toEqual({ text: "", calls });
  expect(parse(`[add(a=1), get_weather(city="Paris")]`)).toEqual({ text: "", calls });
});

test("a function without arguments is called with none", () => {
  expect(parse('{"name": "add", "parameters": {}}').calls).toEqual([["add", "{}"]]);
  expect(parse('{"name": "add", "parameters": null}').calls).toEqual([["add", "{}"]]);
  expect(parse("[add()]").calls).toEqual([["add", "{}"]]);
});

test("brackets and quotes inside of strings do not end the arguments", () => {
  const json = String.raw`{"a": "}\"}{", "b": {"c": ["]", {"d": "\\"}]}}`;
  expect(parse(`{"name": "add", "parameters": ${json}} `)).toEqual({ text: "", calls: [["add", json]] });
  expect(parse(`[add(a=")", b='(]\\'')]`).calls).toEqual([["add", `{"a": ")", "b": "(]'"}`]]);
});

test("Python's literals become JSON", () => {
  const literals = `a=True, b=None, c=-1.5e3, d=[1, 'x', (2,)], e={"k": False}, f="\\u00e9\\n\\'", g='"',`;
  const [call] = parse(`[add(${literals})]`).calls;
  expect(JSON.parse(call![1])).toEqual({
    a: true,
    b: null,
    c: -1500,
    d: [1, "x", [2]],
    e: { k: false },
    f: "é\n'",
    g: '"',
  });
});

const texts = [
  "Hello, world",
  "",
  "  \n",
  "a [b] {c} <d>",
  '{"name": "Alice", "age": 3}',
  '{"name": "get_time", "parameters": {}}',
  '{"name": "get_weather"}',
  '{"name": "get_weather", "parameters": [1]}',
  '{"name": "get_weather", "parameters": "Paris"}',
  '{"name": "get_weath',
  '{"type": "circle", "name": "get_weather", "parameters": {}}',
  '{"city": "Paris"}',
  "<function=get_time>{}</function>",
  "<function=get_weather>Paris</function>",
  "get_weather(city='Paris')",
  "[get_weather('Paris')]",
  "[get_weather(city=here)]",
  "[get_weather](https://example.com)",
  "[get_weather(a=1, a=2)]",
  "[1, 2, 3]",
  "text [",
  `{"x": `.repeat(5000),
  `{"parameters": ${"[".repeat(20_000)}`,
  " ;".repeat(1000),
];

test("what is no call is text, to the letter", () => {
  for (const text of texts) expect(parse(text)).toEqual({ text, calls: [] });
});

test("text stands around calls", () => {
  const one = `{"name": "get_weather", "parameters": ${paris}}`;
  expect(parse(`I look: ${one}`)).toEqual({ ...weather, text: "I look: " });
  expect(parse(`${one}\nDone [1].`)).toEqual({ ...weather, text: "\nDone [1]." });
  expect(parse(`{{${one}`)).toEqual({ ...weather, text: "{{" });
  expect(parse(`<<function=add>{}`)).toEqual({ text: "<", calls: [["add", "{}"]] });
  expect(parse(`<function=add>{}</fun>`)).toEqual({ text: "</fun>", calls: [["add", "{}"]] });
  expect(parse("<tag>", "import add\nadd(a=1)")).toEqual({ text: "import add\nadd(a=1)", calls: [] });
});

test("an answer means the same however it is cut into pieces", () => {
  const samples = [...forms.map(([, answer]) => answer), ...texts.slice(0, -3).map((text) => [text]), [
    `Both: [add(a=1), get_weather(city='😀')]\n<function=add>{"b": {}}</function>; {"a": {"name": "add"}}`,
  ]];
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      (whole, sizes) => {
        const pieces = whole.flatMap((part) => part === "<tag>" ? [part] : cut(part, sizes));
        expect(parse(...pieces)).toEqual(parse(...whole));
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});

test("no soup of marks is lost, whatever it is taken for", () => {
  const marks = [
    '{"name": "add"',
    '{"name":"get_weather"',
    ', "parameters": ',
    '"arguments":',
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
  ];
  const more = [
    '"',
    "\\",
    "'",
    "=",
    ",",
    ";",
    " ",
    "<function=add>",
    "</function>",
    "add(a=1)",
    "add",
    ".call",
    "<tag>",
    "é😀",
  ];
  const soup = fc.array(fc.constantFrom(...marks, ...more), { maxLength: 14 });
  const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
  fc.assert(
    fc.property(soup, sizes, (parts, lengths) => {
      const whole = parse(...parts);
      expect(parse(...parts.flatMap((part) => part === "<tag>" ? [part] : cut(part, lengths)))).toEqual(
        whole,
      );
      const said = parts.filter((part) => part !== "<tag>").join("");
      if (whole.calls.length === 0) expect(whole.text).toBe(said);
      let at = 0; // what is text stands in the answer, in this order
      for (const character of whole.text) at = said.indexOf(character, at) + 1 || Infinity;
      expect(at).toBeLessThanOrEqual(said.length);
    }),
    { seed: 2, numRuns: 2000 },
  );
});

function cut(text: string, sizes: Iterator<number>): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  while (characters.length > 0) pieces.push(characters.splice(0, sizes.next().value).join(""));
  return pieces;
}

test("text is held back only while it may become a call, and arguments come while they are written", () => {
  const parser = new ToolParser(functions);
  const texts = (pieces: readonly ToolPiece[]) =>
    pieces.map((piece) => "text" in piece ? piece.text : piece.name);
  expect(texts(parser.push("Hi "))).toEqual(["Hi "]);
  expect(texts(parser.push('{"na'))).toEqual([]);
  expect(texts(parser.push('me": "x'))).toEqual(['{"name": "x']);
  expect(texts(parser.push('{"name": "get_weather", "param'))).toEqual([]);
  expect(texts(parser.push('eters": {"ci'))).toEqual(["get_weather", '{"ci']);
  expect(texts(parser.push('ty": "Paris'))).toEqual(['ty": "Paris']);
  expect(parser.callCount).toBe(0);
  expect(texts(parser.push('"}}'))).toEqual(['"}']);
  expect(parser.callCount).toBe(1);
  expect(texts(parser.push(" "))).toEqual([]);
  expect(parser.flush()).toEqual([]);
});

test("a piece of text tells where in the answer it stands", () => {
  const parser = new ToolParser(functions);
  const answer = '😀{"x" <function=add>{}</function>[ok';
  const texts = [...parser.push(answer), ...parser.flush()].filter((piece) => piece.type === "text");
  expect(texts.map(({ begin }) => begin)).toEqual([0, answer.indexOf("[ok")]);
  for (const { begin, text } of texts) expect(answer.slice(begin, begin + text.length)).toBe(text);
});

test("a single call is the end, also where more comes in the same piece (D37)", () => {
  for (const rest of ["; [add(b=2)]", " Done", ', "type": "function"} {', "}"]) {
    const parser = new ToolParser(functions, true);
    const pieces = [
      ...parser.push(`Hi {"name": "add", "parameters": {}}${rest}`),
      ...parser.push(rest),
      ...parser.flush(),
    ];
    expect(collect(pieces)).toEqual({ text: "Hi ", calls: [["add", "{}"]] });
    expect(parser.complete).toBe(true);
  }
});

test("a function with set beginnings is called behind one of them only", () => {
  const only = () => new ToolParser([{ name: "add", beginnings: ['{"name": "add", "parameters": '] }]);
  const read = (text: string) => {
    const parser = only();
    return collect([...parser.push(text), ...parser.flush()]);
  };
  expect(read('{"name": "add", "parameters": {"a": 1}}').calls).toEqual([["add", '{"a": 1}']]);
  for (const other of ['{"name":"add", "parameters": {}}', "[add(a=1)]", "<function=add>{}</function>"]) {
    expect(read(other)).toEqual({ text: other, calls: [] });
  }
});
