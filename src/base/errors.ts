/**
 * Errors that a person reads. `message` says in one sentence what we were doing, what we need and what we
 * have; `remedy` says in one sentence what to do about it.
 */
export class ExplainedError extends Error {
  override readonly name: string = "ExplainedError";
  /** Without a final full stop, like `message`: where it is printed on a line of its own, none follows. */
  readonly remedy?: string;
  constructor(message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy?.replace(/\.$/, "");
  }
}

/** A request that cannot be served as it is. `param` names the field at fault, in the request's own spelling. */
export class RequestError extends ExplainedError {
  override readonly name = "RequestError";
  constructor(
    message: string,
    readonly details: { param?: string; code?: string; remedy?: string } = {},
  ) {
    super(message, details.remedy);
  }
}

/** A model directory that is missing. */
export class ModelNotFoundError extends ExplainedError {
  override readonly name = "ModelNotFoundError";
}

/** Something that exists but may not be read: a gated repository, or a token that is not known. */
export class AccessError extends ExplainedError {
  override readonly name = "AccessError";
}

/** The network, or who was asked over it, did not do its part. */
export class NetworkError extends ExplainedError {
  override readonly name = "NetworkError";
}

/** A model directory whose files are corrupt, mismatched or of another architecture. */
export class ModelError extends ExplainedError {
  override readonly name = "ModelError";
}

/** No Vulkan loader, no device, a missing feature, or not enough memory. */
export class DeviceError extends ExplainedError {
  override readonly name: string = "DeviceError";
}

/** Why requests ended that were running: the device was lost, its memory was full, or the program was at fault. */
export type InterruptionCode = "device_lost" | "out_of_memory" | "engine_failed";

/** A request that ended because the engine under it did. The engine is opened again: the request can be sent again. */
export class InterruptedRequestError extends ExplainedError {
  override readonly name = "InterruptedRequestError";
  constructor(message: string, readonly code: InterruptionCode, remedy?: string, options?: ErrorOptions) {
    super(message, remedy, options);
  }
}
