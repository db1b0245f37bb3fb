/** Bytes that no decoder has to like: what loads them does not look at them. */
export const picture = Uint8Array.from({ length: 1000 }, (_, i) => i);

export interface PictureServer extends Disposable {
  /** Host and port, on a loopback address. */
  readonly address: string;
  readonly port: number;
  /** Host header and path of every request, in order. */
  readonly requests: string[];
  /** Called with every request, before it is answered. */
  onRequest(path: string): void;
}

/** A server of pictures on this machine, with bad habits by path. `/to?URL` redirects. */
export function startPictureServer(): PictureServer {
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 30,
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      requests.push(`${request.headers.get("host")}${pathname}`);
      started.onRequest(pathname);
      return respond(pathname, search);
    },
  });
  const started: PictureServer = {
    address: `127.0.0.1:${server.port}`,
    port: server.port!,
    requests,
    onRequest() {},
    [Symbol.dispose]: () => void server.stop(true),
  };
  return started;
}

function respond(path: string, query: string): Response | Promise<Response> {
  switch (path) {
    case "/to":
      return redirect(decodeURIComponent(query.slice(1)));
    case "/loop":
      return redirect("/loop");
    case "/hops": {
      const left = Number(query.slice(1));
      return left === 0 ? new Response(picture) : redirect(`/hops?${left - 1}`);
    }
    case "/endless":
      return new Response(new ReadableStream({ pull: (sink) => sink.enqueue(new Uint8Array(65536)) }));
    case "/drip":
      return new Response(
        new ReadableStream({
          async pull(sink) {
            await Bun.sleep(20);
            sink.enqueue(new Uint8Array(1));
          },
        }),
      );
    case "/silent":
    case "/silent_too":
      return Bun.sleep(60_000).then(() => new Response("late"));
    case "/gzip":
      return new Response(Bun.gzipSync(new Uint8Array(1e6)), { headers: { "content-encoding": "gzip" } });
    case "/missing":
      return new Response("secret of the other server", { status: 404 });
    default:
      return new Response(picture);
  }
}

function redirect(location: string): Response {
  return new Response(null, { status: 302, headers: { location } });
}
