import { expect, test } from "bun:test";
import { clientOf } from "../../src/http/client_identity.ts";
import { chat, question, testApp } from "./support.ts";

const request = new Request("http://localhost/");

function client(key: string | undefined, address: string | undefined, user?: string): string {
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
  expect(new Set(clients).size).toBe(clients.length);
  expect(client("office", "10.0.0.2")).toBe(client("office", "10.0.0.1"));
  expect(client(undefined, "10.0.0.1", "me")).toBe(clients[2]!);
});

test("the engine hears whose turn a request takes, and not by which name", async () => {
  const { app, runtime } = testApp();
  const connection = { timeout() {}, requestIP: () => ({ address: "10.0.0.1" }) };
  await app.fetch(chat({ ...question, user: "somebody" }), connection);
  expect(runtime.requests[0]!.client).toBe(client(undefined, "10.0.0.1", "somebody"));
  expect(runtime.requests[0]!.client).not.toContain("somebody");
});
