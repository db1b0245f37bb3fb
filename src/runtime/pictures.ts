import type { Client } from "../base/turns.ts";
import { ImageLoader } from "../images/image_loader.ts";

/** Which pictures may be fetched because somebody named their URL. `data:` URLs need no permission. */
export interface PicturePolicy {
  /** http(s) URLs at all. */
  readonly allowRemote: boolean;
  /** From this machine and private networks, too. */
  readonly allowPrivate: boolean;
  /** From these domains only; left out, from all. */
  readonly allowedDomains?: readonly string[];
}

/**
 * Brings the file bytes of a picture.
 *
 * @param client whose turn a fetch takes
 * @throws {RequestError} If the policy does not allow the URL, or it gives no file within the limits.
 */
export type LoadPicture = (url: string, signal?: AbortSignal, client?: Client) => Promise<Uint8Array>;

/** A loader under one policy. Its limits on parallel fetches hold over all requests that share it. */
export function pictureLoader(policy: PicturePolicy): LoadPicture {
  const loader = new ImageLoader({
    remote: policy.allowRemote,
    privateAddresses: policy.allowPrivate,
    domains: policy.allowedDomains,
  });
  return (url, signal, client) => loader.load(url, signal, client);
}
