/** The end of the executable's server: what runs is finished, or cut off when that takes too long. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type ServedModel, serveModel } from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const streamCount = 8;

function post({ url }: ServedModel, maxTokens: number, stream: boolean): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "default",
      messages: [{ role: "user", content: "Hi" }],
      max_tokens: maxTokens,
      ignore_eos: true,
      stream,
    }),
  });
}

/** Streams that have begun: the first chunk of each was read. What follows is read by `rest`. */
async function beginStreams(server: ServedModel, maxTokens: number): Promise<{ rest(): Promise<string> }[]> {
  return await Promise.all(Array.from({ length: streamCount }, async () => {
    const response = await post(server, maxTokens, true);
    expect(response.status).toBe(200);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value!;
    return {
      async rest() {
        for (let step = await reader.read(); !step.done; step = await reader.read()) text += step.value;
        return text;
      },
    };
  }));
}

/** Waits until the server says that it has been told to stop. */
async function untilDraining({ url }: ServedModel): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/readyz`);
    if (response.status === 200) continue;
    expect([response.status, await response.json()]).toMatchObject([503, { status: "draining" }]);
    return;
  }
}

test("O06 D48 SIGTERM lets eight streams finish, refuses what comes after it, and the server ends with 0", async () => {
  const server = await serveModel(undefined, ["--shutdown-timeout", "100"]);
  const streams = await beginStreams(server, 400);
  const ended = server.stop();
  await untilDraining(server);
  const refused = await post(server, 1, false);
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: "shutting_down" } }]);
  for (const text of await Promise.all(streams.map((stream) => stream.rest()))) {
    expect(text).toEndWith("data: [DONE]\n\n");
    expect(text).toContain('"finish_reason":"length"');
    expect(text).not.toContain('"error"');
  }
  expect(await ended).toBe(0);
  expect(await fetch(`${server.url}/readyz`).catch(({ code }) => code)).toBe("ECONNREFUSED");
});

test("O06 streams that are not finished at --shutdown-timeout end with an error, and the server with 0", async () => {
  const server = await serveModel(undefined, ["--shutdown-timeout", "1"]);
  const streams = await beginStreams(server, 4000);
  const ended = server.stop();
  for (const text of await Promise.all(streams.map((stream) => stream.rest()))) {
    const last = text.trimEnd().split("\n\n").at(-1)!;
    expect(JSON.parse(last.slice("data: ".length))).toMatchObject({
      error: { type: "api_error", code: "shutting_down" },
    });
    expect(text).not.toContain("[DONE]");
  }
  expect(await ended).toBe(0);
});

test("O06 D48 a second SIGTERM ends the process at once, whatever runs", async () => {
  const server = await serveModel(undefined, ["--shutdown-timeout", "100"]);
  const streams = await beginStreams(server, 4000);
  process.kill(server.pid, "SIGTERM");
  await untilDraining(server);
  const rests = streams.map((stream) => stream.rest().catch(() => "cut off"));
  expect(await server.stop()).toBe(143);
  for (const text of await Promise.all(rests)) expect(text).not.toContain("[DONE]");
});
