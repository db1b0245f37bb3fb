import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Server } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createServer as createTlsServer } from "node:tls";
import { isIdentical, modelFiles } from "../hub/support.ts";
import { LocalHub } from "../support/local_hub.ts";
import { repositoryRoot as root } from "../support/repository.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

setDefaultTimeout(testLimitMs);

const tls = join(import.meta.dir, "../support/tls");
/** Where nobody listens: only a proxy that knows better brings a request from there to the hub. */
const nowhere = "localhost:1";

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** The hub behind https. */
function secured(hub: LocalHub): Server {
  const [cert, key] = ["cert.pem", "key.pem"].map((name) => readFileSync(join(tls, name)));
  return createTlsServer({ cert, key }, (client) => {
    const inner = connect(Number(new URL(hub.url).port), "127.0.0.1");
    client.pipe(inner).pipe(client);
    for (const end of [client, inner]) end.on("error", () => client.destroy());
  });
}

test("pull goes through the proxy of HTTPS_PROXY, the token included", async () => {
  await using hub = await LocalHub.start({ files: modelFiles });
  using home = new TemporaryFolder();
  const hubPort = await listen(secured(hub).unref());
  const asked: string[] = [];
  const proxy = createServer().on("connect", ({ url }, client) => {
    asked.push(url!);
    const inner = connect(hubPort, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      client.pipe(inner).pipe(client);
    });
    for (const end of [client, inner]) end.on("error", () => inner.destroy());
  });
  const proxyPort = await listen(proxy.unref());
  const pull = async (env: Record<string, string>) => {
    const child = Bun.spawn([process.execPath, join(root, "main.ts"), "pull", "acme/tiny-vision"], {
      env: {
        ...{ HF_HOME: home.path, HOME: home.path, HF_TOKEN: "hf_test", HF_ENDPOINT: `https://${nowhere}` },
        NODE_EXTRA_CA_CERTS: join(tls, "cert.pem"),
        ...env,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    return { stderr: await new Response(child.stderr).text(), code: await child.exited };
  };
  expect(await pull({ HTTPS_PROXY: `http://127.0.0.1:${proxyPort}` })).toMatchObject({ code: 0 });
  expect(isIdentical(home.path)).toBe(true);
  expect(new Set(asked)).toEqual(new Set([nowhere]));
  expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(
    new Set(["Bearer hf_test"]),
  );
  // Without it there is nobody.
  expect((await pull({})).code).toBe(5);
});
