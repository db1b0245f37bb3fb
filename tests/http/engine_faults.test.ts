/** Rows O04 and O16 of the security notes, as a client of the server meets them. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { ask, hangs, loses, probe, startSimulated, throws } from "./simulated.ts";
import { eventsOf, json } from "./support.ts";

setDefaultTimeout(testLimitMs);

describe("a stream whose engine ends under it", () => {
  for (
    const [what, maxTokens, code] of [
      ["loses its device (O04)", loses, "device_lost"],
      ["throws (O16)", throws, "engine_failed"],
    ] as const
  ) {
    test(`${what}: ends with ${code}; /readyz says recovering, then ready`, async () => {
      const readiness: [string, Promise<Response>][] = [];
      await using simulated = await startSimulated({}, {
        // At the moment: a simulated engine is there again before a probe could come over a socket.
        onNews: ({ type }) => readiness.push([type, app.fetch(new Request(`${url}/readyz`))]),
      });
      const { url, app } = simulated;
      expect(await probe(url, "readyz")).toEqual([200, "ready"]);
      const response = await ask(url, { max_tokens: maxTokens, stream: true });
      expect(response.status).toBe(200);
      const text = await response.text();
      const events = eventsOf(text);
      expect(events.at(-1).error).toMatchObject({ type: "api_error", code });
      expect(events.at(-1).error.message).toContain("send the request again");
      // It had begun, and nothing stands behind the error.
      expect(events.some(({ choices }) => choices?.[0]?.delta.content)).toBe(true);
      expect(text).not.toContain("[DONE]");
      await until(() => readiness.length === 2);
      const told = readiness.map(async ([type, probed]) => {
        const response = await probed;
        return [type, response.status, (await json(response)).status];
      });
      expect(await Promise.all(told)).toEqual([["recovering", 503, "recovering"], [
        "recovered",
        200,
        "ready",
      ]]);
      expect(await probe(url, "readyz")).toEqual([200, "ready"]);
      expect(await probe(url, "livez")).toEqual([200, "ok"]);
      expect((await ask(url)).status).toBe(200);
    });

    test(`${what}: an answer that is no stream is a 503 that may be asked again`, async () => {
      await using simulated = await startSimulated();
      const { url } = simulated;
      const response = await ask(url, { max_tokens: maxTokens });
      expect([response.status, (await json(response)).error.code]).toEqual([503, code]);
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      await until(() => simulated.runtime.state === "ready");
      expect((await ask(url)).status).toBe(200);
    });
  }
});

test("a thread that hangs fails /livez and /readyz, its requests get a 504, and it is well again (O16)", async () => {
  await using hanging = await startSimulated({ hungSeconds: 1, requestSeconds: 2 });
  const { url } = hanging;
  expect(await probe(url, "livez")).toEqual([200, "ok"]);
  const running = ask(url, { max_tokens: hangs });
  const streaming = ask(url, { max_tokens: hangs, stream: true }).then((response) => response.text());
  let lively: [number, string] = [200, "ok"];
  for (const end = performance.now() + 30_000; lively[1] === "ok" && performance.now() < end;) {
    lively = await probe(url, "livez");
    await Bun.sleep(5);
  }
  expect([lively, await probe(url, "readyz")]).toEqual([[500, "hung"], [503, "hung"]]);
  const response = await running;
  expect([response.status, (await json(response)).error.code]).toEqual([504, "deadline_exceeded"]);
  expect(eventsOf(await streaming).at(-1).error.code).toBe("deadline_exceeded");
  for (const end = performance.now() + 30_000; lively[1] !== "ok" && performance.now() < end;) {
    lively = await probe(url, "livez");
    await Bun.sleep(5);
  }
  expect([lively, await probe(url, "readyz")]).toEqual([[200, "ok"], [200, "ready"]]);
  expect((await ask(url)).status).toBe(200);
  await until(() => hanging.app.active === 0);
});
