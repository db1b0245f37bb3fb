import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { AccessError, ModelError, ModelNotFoundError, NetworkError } from "../../src/base/errors.ts";

import { gitHash, LocalHub, sha256 } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { blobNames, isIdentical, modelFiles, pullFrom, shards, snapshotPath } from "./support.ts";

const [firstShard] = shards;

describe("pull() from a hub that lies", () => {
  const wrong = new Uint8Array(300_000);

  test.each([
    ["a large file", firstShard, wrong.subarray(0, 100_000)],
    [
      "a small file",
      "config.json",
      new TextEncoder().encode(modelFiles["config.json"]!.toString().replace("m", "n")),
    ],
  ])("keeps nothing of %s whose hash is another", async (_, name, bytes) => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path }) => path.endsWith(name) ? { bytes } : undefined,
    });
    using home = new TemporaryFolder();
    const error = await pullFrom(hub, home.path).catch((error) => error);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain(`other bytes for ${name}`);
    expect(existsSync(snapshotPath(home.path, name))).toBe(false);
    const content = Buffer.from(modelFiles[name]!);
    const hash = name === firstShard ? sha256(content) : gitHash(content);
    expect(blobNames(home.path).filter((blob) => blob.startsWith(hash))).toEqual([]);
  });

  test.each([300_050, 299_950])(
    "refuses a file of another size than the %i bytes that are listed",
    async (size) => {
      type Listing = { siblings: { rfilename: string; lfs?: object }[] };
      const enlarge = (body: Listing) => ({
        ...body,
        siblings: body.siblings.map((file) =>
          file.rfilename === firstShard ? { ...file, size, lfs: { ...file.lfs, size } } : file
        ),
      });
      await using hub = await LocalHub.start({
        files: modelFiles,
        describe: (body) => enlarge(body as unknown as Listing),
      });
      using home = new TemporaryFolder();
      const error = await pullFrom(hub, home.path).catch((error) => error);
      expect(error).toBeInstanceOf(ModelError);
      expect(error.message).toContain(`The hub must answer for`);
      expect(existsSync(snapshotPath(home.path, firstShard))).toBe(false);
    },
  );

  test("fetches a file again whose bytes an earlier run has left wrong", async () => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path, range }) =>
        hub.requests.length < 20 && path.endsWith(firstShard) && range?.startsWith("bytes=0-")
          ? { bytes: wrong.subarray(0, 50_000), drop: 50_000 }
          : undefined,
    });
    using home = new TemporaryFolder();
    const controller = new AbortController();
    await pullFrom(hub, home.path, {
      signal: controller.signal,
      onEvent: (event) => event.event === "retry" && controller.abort(new Error("power cut")),
    }).catch(() => {});
    expect(blobNames(home.path)).toContain(
      `${sha256(modelFiles[firstShard] as Uint8Array)}.llamav.incomplete`,
    );
    while (hub.requests.length < 20) hub.requests.push(hub.requests[0]!);
    await pullFrom(hub, home.path);
    expect(isIdentical(home.path)).toBe(true);
  });

  test.each([
    ["another length", { bytes: wrong.subarray(0, 9), headers: {} }, "config.json"],
    ["another range", { headers: { "Content-Range": "bytes 0-99999/400000" } }, firstShard],
    ["the whole file for a range", { headers: { "Content-Range": "" } }, firstShard],
  ])("refuses %s than it has listed", async (_, fault, name) => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path }) => path.endsWith(name) ? fault : undefined,
    });
    using home = new TemporaryFolder();
    const error = await pullFrom(hub, home.path).catch((error) => error);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain(`The hub must answer for ${name}`);
    expect(existsSync(snapshotPath(home.path, name))).toBe(false);
  });

  test("gives the token to the hub and to nobody whom it sends on to (F09)", async () => {
    await using store = await LocalHub.start({ files: modelFiles });
    await using hub = await LocalHub.start({ files: modelFiles, store: store.url });
    using home = new TemporaryFolder();
    await pullFrom(hub, home.path, { env: { HF_TOKEN: "hf_secret" } });
    expect(isIdentical(home.path)).toBe(true);
    expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(
      new Set(["Bearer hf_secret"]),
    );
    expect(new Set(store.requests.map(({ authorization }) => authorization))).toEqual(new Set([undefined]));
    expect(store.requests.length).toBeGreaterThan(5);
  });

  test.each(["file:///etc/passwd", "ftp://127.0.0.1/x", "http://"])(
    "follows no redirect to %s",
    async (location) => {
      await using hub = await LocalHub.start({
        files: modelFiles,
        fault: ({ path }) =>
          path.endsWith("config.json") ? { status: 302, headers: { Location: location } } : undefined,
      });
      using home = new TemporaryFolder();
      expect(await pullFrom(hub, home.path).catch((error) => error)).toBeInstanceOf(NetworkError);
    },
  );

  test("asks a store again that is busy for a moment", async () => {
    await using store = await LocalHub.start({
      files: modelFiles,
      fault: ({ count }) => count > 0 ? undefined : { status: 503 },
    });
    await using hub = await LocalHub.start({ files: modelFiles, store: store.url });
    using home = new TemporaryFolder();
    await pullFrom(hub, home.path);
    expect(isIdentical(home.path)).toBe(true);
  });

  test("follows no circle of redirects", async () => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path }) => ({ status: 302, headers: { Location: path } }),
    });
    using home = new TemporaryFolder();
    const error = await pullFrom(hub, home.path).catch((error) => error);
    expect(error).toBeInstanceOf(NetworkError);
    expect(hub.requests.length).toBe(6);
  });
});

describe("pull() that is refused", () => {
  test.each([
    [401, { "X-Error-Code": "GatedRepo" }, AccessError, "is gated", "set HF_TOKEN"],
    [403, { "X-Error-Code": "GatedRepo" }, AccessError, "is gated", 'click "Expand to review and access"'],
    [
      401,
      { "X-Error-Message": "Invalid credentials in Authorization header" },
      AccessError,
      "the token",
      "HF_TOKEN",
    ],
    [403, { "X-Error-Message": "Not for you" }, AccessError, '(403): "Not for you"', "Check your token"],
    [401, {}, ModelNotFoundError, "There is no repository", "Check its spelling"],
    [404, {}, ModelNotFoundError, "There is no repository", "Check its spelling"],
    [418, {}, NetworkError, "answered 418", "HF_ENDPOINT"],
  ])("status %i %j is a %p", async (status, headers, type, message, remedy) => {
    await using hub = await LocalHub.start({ files: modelFiles, fault: () => ({ status, headers }) });
    using home = new TemporaryFolder();
    const error = await pullFrom(hub, home.path).catch((error) => error);
    expect(error).toBeInstanceOf(type);
    expect(error.message).toContain(message);
    expect(error.remedy).toContain(remedy);
  });

  test.each([401, 403])(
    "says what to click where only the files of a repository are gated, %i",
    async (status) => {
      await using hub = await LocalHub.start({
        files: modelFiles,
        fault: ({ path }) =>
          path.startsWith("/api/") ? undefined : { status, headers: { "X-Error-Code": "GatedRepo" } },
      });
      using home = new TemporaryFolder();
      const error = await pullFrom(hub, home.path).catch((error) => error);
      expect(error).toBeInstanceOf(AccessError);
      expect(error.message).toContain("is gated");
    },
  );

  test("tells a file that is listed and not there from a repository that is not there", async () => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path }) =>
        path.endsWith(firstShard) ? { status: 404, headers: { "X-Error-Code": "EntryNotFound" } } : undefined,
    });
    using home = new TemporaryFolder();
    const error = await pullFrom(hub, home.path).catch((error) => error);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain("lists a file that it does not have");
  });

  test("names a repository and a revision that are not there", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const pulls = [
      pullFrom(hub, home.path, { repository: "a/b" }),
      pullFrom(hub, home.path, { revision: "v9" }),
    ];
    const [noRepository, noRevision] = await Promise.all(pulls.map((run) => run.catch((error) => error)));
    expect(noRepository).toBeInstanceOf(ModelNotFoundError);
    expect(noRevision.message).toBe('acme/tiny-vision has no revision "v9"');
  });

  test("asks nothing of the network with HF_HUB_OFFLINE, and takes what is complete", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const offline = { env: { HF_HUB_OFFLINE: "1" } };
    expect(await pullFrom(hub, home.path, offline).catch((error) => error)).toBeInstanceOf(
      ModelNotFoundError,
    );
    const { path } = await pullFrom(hub, home.path);
    const before = hub.requests.length;
    expect(await pullFrom(hub, home.path, offline)).toMatchObject({ path, fetchedBytes: 0 });
    expect(hub.requests.length).toBe(before);
  });
});
