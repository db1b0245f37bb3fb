import { expect, test } from "bun:test";
import type { Client } from "../../src/base/turns.ts";
import { clientOf } from "../../src/http/client_identity.ts";
import { chat, question, testApp } from "./support.ts";

const request = new Request("http://localhost/");

function client(key: string | undefined, address: string | undefined, user?: string): Client {
  const connection = { timeout() {}, requestIP: () => address === undefined ? null : { address } };
  return clientOf({ key, request, connection }, user);
}

test("clientOf() tells keys, addresses and their users apart, and nothing else (O13)", () => {
  const clients = [
    client(undefined, "10.0.0.1"),
    client(undefined, "10.0.0.2"),
    client(undefined, "10.0.0.1", "me"),
    client("office", "10.0.0.1"),
    client("10.0.0.1", undefined),
    client("office", "10.0.0.1", "me"),
    client(undefined, undefined),
  ];
  expect(new Set(clients.map((one) => JSON.stringify(one))).size).toBe(clients.length);
  // Whoever a caller asks for, the turn is the caller's.
  expect(clients[2]!.caller).toBe(clients[0]!.caller);
  expect(clients[5]!.caller).toBe(clients[3]!.caller);
  expect(client("office", "10.0.0.2")).toEqual(client("office", "10.0.0.1"));
  expect(client(undefined, "10.0.0.1", "me")).toEqual(clients[2]!);
});

test("a network of IPv6 is one caller, however its addresses are written (O13)", () => {
  const callerOf = (address: string) => client(undefined, address).caller;
  const network = ["2001:db8:0:7::1", "2001:DB8::7:0:0:0:2", "2001:0db8:0000:0007:ffff:ffff:ffff:ffff"];
  expect(new Set(network.map(callerOf)).size).toBe(1);
  const apart = [
    "2001:db8:0:7::1",
    "2001:db8:0:8::1",
    "2001:db8::1",
    "::1",
    "fe80::1%eth0",
    "1.2.3.4",
    "1.2.3.5",
  ];
  expect(new Set(apart.map(callerOf)).size).toBe(apart.length);
  // What a socket for both protocols calls an address of IPv4.
  expect(callerOf("::ffff:1.2.3.4")).not.toBe(callerOf("::ffff:1.2.3.5"));
});

test("the engine hears whose turn a request takes, and not by which name", async () => {
  const { app, runtime } = testApp();
  const connection = { timeout() {}, requestIP: () => ({ address: "10.0.0.1" }) };
  await app.fetch(chat({ ...question, user: "somebody" }), connection);
  expect(runtime.requests[0]!.client).toEqual(client(undefined, "10.0.0.1", "somebody"));
  expect(JSON.stringify(runtime.requests[0]!.client)).not.toContain("somebody");
});

test("the loader of pictures hears whose turn a fetch takes (O13)", async () => {
  const heard: (Client | undefined)[] = [];
  const { app, runtime } = testApp(undefined, {
    loadPicture(_url, _signal, client) {
      heard.push(client);
      return Promise.resolve(Uint8Array.of(1));
    },
  });
  const image_url = "http://pictures.example/x.jpg";
  const bodies: [string, object][] = [
    ["chat/completions", {
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: image_url } }] }],
    }],
    ["responses", { input: [{ role: "user", content: [{ type: "input_image", image_url }] }] }],
  ];
  const connection = { timeout() {}, requestIP: () => ({ address: "10.0.0.1" }) };
  for (const [path, body] of bodies) {
    const request = new Request(`http://localhost:8000/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "tiny", user: "me", ...body }),
    });
    expect((await app.fetch(request, connection)).status).toBe(200);
  }
  const own = client(undefined, "10.0.0.1", "me");
  expect([heard, runtime.requests.map((request) => request.client)]).toEqual([[own, own], [own, own]]);
});

test("what one key has asked is not found by another; without keys everybody shares", async () => {
  const routes: [string, object][] = [
    ["chat/completions", question],
    ["completions", { model: "tiny", prompt: "Hi" }],
    ["responses", { model: "tiny", input: "Hi" }],
  ];
  const ask = ({ app }: ReturnType<typeof testApp>, path: string, body: object, key: string) =>
    app.fetch(
      new Request(`http://localhost:8000/v1/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ ...body, user: "me" }),
      }),
    );
  for (const [path, body] of routes) {
    const [closed, open] = [testApp(undefined, { keys: ["sk-a", "sk-b"] }), testApp()];
    for (const key of ["sk-a", "sk-b", "sk-a"]) {
      for (const test of [closed, open]) expect((await ask(test, path, body, key)).status).toBe(200);
    }
    const [a, b, again] = closed.runtime.requests.map(({ cacheSalt }) => cacheSalt);
    expect(a).toBeString();
    expect([b === a, again === a]).toEqual([false, true]);
    expect(a).not.toContain("sk-");
    expect(open.runtime.requests.map(({ cacheSalt }) => cacheSalt)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  }
});
