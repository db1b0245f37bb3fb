import { type Draw, oneOf } from "../../support/draws.ts";

/** The key of the server under test; who does not send it may see nothing but the probes. */
export const rightKey = "sk-fuzz-right";

/** Bytes of one connection, in the pieces in which they are written. */
export interface RawCase {
  readonly pieces: readonly Buffer[];
  /** What the client does when it has written everything. */
  readonly then: "wait" | "half-close" | "reset";
}

/** What a case is made of: draws, and how often something is not as it should be. */
interface Dice {
  readonly draw: Draw;
  /** Whether something odd happens that happens once in `times`; in a calm case it seldom does. */
  odd(times: number): boolean;
}

const messages = [{ role: "user", content: "Hi" }];

/** Routes, and bodies that they take. */
const routes: Readonly<Record<string, readonly object[]>> = {
  "/v1/chat/completions": [
    { model: "default", messages, max_tokens: 2 },
    { model: "default", messages, max_tokens: 2, stream: true },
    { model: "default", messages: [{ role: "user", content: [{ type: "image_url", image_url: "data:," }] }] },
  ],
  "/v1/completions": [
    { model: "default", prompt: "Once", max_tokens: 2 },
    { model: "default", prompt: ["Once", "Twice"], max_tokens: 2, stream: true },
  ],
  "/v1/responses": [{ model: "default", input: "Hi" }, { model: "default", input: "Hi", stream: true }],
  "/tokenize": [{ prompt: "Hi" }, { messages }],
  "/detokenize": [{ tokens: [72, 105] }],
  "/apply-template": [{ messages }],
  "/v1/models": [],
  "/v1/models/default": [],
  "/health": [],
  "/livez": [],
  "/readyz": [],
  "/metrics": [],
  "/version": [],
  "/openapi.json": [],
};

/** One connection with one to three requests, some of them broken. */
export function rawCase(draw: Draw): RawCase {
  const calm = draw(2) === 0;
  const dice: Dice = { draw, odd: (times) => draw(calm ? 10 * times : times) === 0 };
  const requests = Array.from({ length: draw(8) === 0 ? 2 + draw(2) : 1 }, () => request(dice));
  let bytes: Buffer = Buffer.concat(requests);
  if (dice.odd(4)) bytes = damage(bytes, draw);
  return {
    pieces: draw(2) ? [bytes] : split(bytes, draw),
    then: dice.odd(3) ? oneOf(draw, ["half-close", "reset"]) : "wait",
  };
}

function request(dice: Dice): Buffer {
  const { draw, odd } = dice;
  const route = oneOf(draw, Object.keys(routes));
  const end = odd(20) ? oneOf(draw, ["\n", "\r", "\r\r\n"]) : "\r\n";
  const body = bodyOf(dice, routes[route]!);
  const { headers, bytes } = framed(body, dice);
  const lines = [
    `${method(dice, body)} ${target(route, dice)} ${odd(20) ? oddVersion(draw) : "HTTP/1.1"}`,
    ...shuffled([...hosts(dice), ...types(dice), ...keys(dice), ...headers, ...oddHeaders(dice)], draw),
  ];
  return Buffer.concat([Buffer.from(lines.join(end) + end + end, "latin1"), bytes]);
}

function method({ draw, odd }: Dice, body: Buffer): string {
  if (!odd(10)) return body.length > 0 ? "POST" : "GET";
  return oneOf(draw, [
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "CONNECT",
    "get",
    "X",
    "G\0T",
    "",
  ]);
}

function target(route: string, { draw, odd }: Dice): string {
  if (!odd(4)) return route;
  switch (draw(3)) {
    case 0:
      return route.replace(
        /\/(\w)/,
        (_, letter: string) => oneOf(draw, [`//${letter}`, `/./${letter}`, `/%2e%2e/${letter}`]),
      );
    case 1:
      return `${route}${
        oneOf(draw, ["/", ";x", "?key=" + rightKey, "#a", "%00", "%", "%zz", "\\", "/../..", "\x7f", "\xff"])
      }`;
    default:
      return oneOf(draw, [
        `http://evil.example${route}`,
        "*",
        "",
        "localhost:80",
        `/${"x".repeat(draw(70_000))}`,
        " ",
      ]);
  }
}

function oddVersion(draw: Draw): string {
  return oneOf(draw, ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1 x", "http/1.1", "HTTP/9999999999.1", ""]);
}

function hosts({ draw, odd }: Dice): string[] {
  if (!odd(10)) return ["Host: localhost"];
  const wrong = [
    "",
    "evil.example",
    "localhost/v1/models?",
    "a#",
    "user:pw@localhost",
    "localhost:99999",
    "[::1",
    "a\\b",
  ];
  return oneOf(draw, [[], ["Host: localhost", "Host: evil.example"], [`Host: ${oneOf(draw, wrong)}`]]);
}

function types({ draw, odd }: Dice): string[] {
  if (!odd(8)) return ["Content-Type: application/json"];
  return oneOf(draw, [
    [],
    ["Content-Type: text/plain"],
    ["Content-Type: application/json; charset=utf-16"],
    ["Content-Type: application/json", "Content-Encoding: gzip"],
    ["Content-Type: multipart/form-data; boundary=x"],
  ]);
}

function keys({ draw, odd }: Dice): string[] {
  if (!odd(3)) return [`Authorization: Bearer ${rightKey}`];
  return oneOf(draw, [
    [],
    ["Authorization: Bearer sk-wrong"],
    ["Authorization: Basic c2stZnV6eg=="],
    ["X-Api-Key:"],
    ["Authorization: Bearer \xff\xfe"],
  ]);
}

function oddHeaders({ draw, odd }: Dice): string[] {
  return Array.from({ length: odd(4) ? 1 + draw(4) : 0 }, () =>
    oneOf(draw, [
      "Connection: close",
      "Connection: keep-alive, Upgrade",
      "Upgrade: websocket",
      "Expect: 100-continue",
      "Expect: miracles",
      "Origin: https://evil.example",
      "Origin: null",
      "Access-Control-Request-Method: POST",
      "X-Request-Id: \x01\x02",
      `X-Long: ${"y".repeat(draw(40_000))}`,
      "X Odd: 1",
      "NoColon",
      ": empty",
      " folded",
      `traceparent: 00-${"f".repeat(32)}-${"f".repeat(16)}-01`,
      ...["Range: bytes=0-", "Accept-Encoding: gzip", "Trailer: X", "TE: trailers", "Cookie: a=b"],
    ]));
}

/** @param bodies what the route takes; none, nothing */
function bodyOf({ draw, odd }: Dice, bodies: readonly object[]): Buffer {
  if (odd(8)) return Buffer.from(Array.from({ length: draw(300) }, () => draw(256)));
  if (odd(8)) {
    const wrong = ["null", "[]", "{", '"x"', "{}", "1e999", "[".repeat(draw(100_000)), "\0"];
    return Buffer.from(oneOf(draw, wrong));
  }
  if (bodies.length === 0) return Buffer.alloc(0);
  const body = oneOf(draw, bodies);
  const text = Buffer.from(JSON.stringify(odd(2) ? changed(body, draw) : body));
  return odd(6) ? damage(text, draw) : text;
}

/** An object with a field or two that it should not have, or not so. */
function changed(object: object, draw: Draw): object {
  const fields = [
    "temperature",
    "n",
    "stop",
    "seed",
    "tools",
    "stream_options",
    "logit_bias",
    "messages",
    "model",
    "response_format",
    "tool_choice",
    "logprobs",
    "__proto__",
    "max_tokens",
    "user",
    "input",
    "top_k",
    "regex",
  ];
  const values: readonly unknown[] = [
    null,
    -1,
    0,
    1e308,
    "x",
    "\ud800",
    [],
    {},
    [[]],
    { a: { b: [1, null] } },
    true,
    "y".repeat(5000),
    { type: "json_object" },
    ["", " "],
    2 ** 53,
  ];
  const extra = Array.from({ length: draw(3) }, () => [oneOf(draw, fields), oneOf(draw, values)]);
  return { ...object, ...Object.fromEntries(extra) };
}

/** How the server is told where a body ends; sometimes it is told something else. */
function framed(body: Buffer, { draw, odd }: Dice): { headers: string[]; bytes: Buffer } {
  if (body.length === 0 && !odd(4)) return { headers: [], bytes: body };
  if (draw(3) === 0) {
    const headers = [
      oneOf(draw, [
        "Transfer-Encoding: chunked",
        "transfer-encoding: Chunked",
        "Transfer-Encoding: gzip, chunked",
      ]),
    ];
    if (odd(12)) headers.push(`Content-Length: ${body.length}`);
    return { headers, bytes: chunked(body, { draw, odd }) };
  }
  if (!odd(8)) return { headers: [`Content-Length: ${body.length}`], bytes: body };
  const wrong = [
    -1,
    body.length + 1,
    body.length + 5000,
    2 ** 31,
    2 ** 53,
    "1e3",
    "0x10",
    "",
    `${body.length}, 3`,
    "99999999999999999999",
  ];
  const length = `Content-Length: ${oneOf(draw, wrong)}`;
  return { headers: draw(2) ? [length] : [length, `Content-Length: ${body.length}`], bytes: body };
}

function chunked(body: Buffer, { draw, odd }: Dice): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const length = Math.min(body.length - at, 1 + draw(body.length));
    const size = !odd(15)
      ? length.toString(16)
      : oneOf(draw, ["0", "-1", "FFFFFFFFFFFFFFFFF", "zz", "", `${length.toString(16)};x=y`, "80000000"]);
    parts.push(Buffer.from(`${size}\r\n`), body.subarray(at, at + length), Buffer.from("\r\n"));
    at += length;
  }
  if (!odd(10)) parts.push(Buffer.from(odd(10) ? "0\r\nX-Trailer: 1\r\n\r\n" : "0\r\n\r\n"));
  return Buffer.concat(parts);
}

function damage(bytes: Buffer, draw: Draw): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  for (let i = 1 + draw(4); i > 0; i--) copy[draw(copy.length)] = draw(256);
  return draw(4) ? copy : copy.subarray(0, draw(copy.length));
}

function split(bytes: Buffer, draw: Draw): Buffer[] {
  const cuts = Array.from({ length: 1 + draw(4) }, () => draw(bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

function shuffled<T>(things: T[], draw: Draw): T[] {
  for (let i = things.length - 1; i > 0; i--) {
    const other = draw(i + 1);
    [things[i], things[other]] = [things[other]!, things[i]!];
  }
  return things;
}
