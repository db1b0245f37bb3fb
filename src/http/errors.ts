import { DeviceError, InterruptedRequestError, RequestError } from "../base/errors.ts";

/** The error object of the OpenAI API; all four keys are always there. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

interface HttpErrorDetails {
  readonly param?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal whose status is decided where it is thrown. Its message is sent to the client as it is. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  constructor(readonly status: number, message: string, readonly details: HttpErrorDetails = {}) {
    super(message);
  }
}

/** Statuses of the codes that a `RequestError` from below may carry; every other code is a 400. */
const statusOfCode: Readonly<Record<string, number>> = {
  model_not_found: 404,
  queue_full: 429,
  too_many_requests: 429,
  deadline_exceeded: 504,
};

/** SDKs repeat a 5xx twice. What failed for a reason of its own fails again, and would cost three times. */
const notAgain = { "x-should-retry": "false" };

/** What the SDKs switch on; they make their error classes from the status. */
function typeOfStatus(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 408 || status === 504) return "timeout_error";
  if (status === 404) return "not_found_error";
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "api_error" : "invalid_request_error";
}

/** An error as the client gets it, and whether the operator must hear of it because the client cannot help it. */
export interface DescribedError {
  readonly status: number;
  readonly body: ErrorBody;
  readonly headers: Readonly<Record<string, string>>;
  readonly internal: boolean;
}

/**
 * Turns anything thrown into status, headers and OpenAI error body. Only messages that were written for the
 * client leave: those of `HttpError`, `RequestError` and `InterruptedRequestError`. Everything else becomes a
 * fixed sentence, because driver messages, paths and stacks have been a way in elsewhere.
 */
export function describeError(error: unknown): DescribedError {
  if (error instanceof HttpError) {
    const { param, code, headers } = error.details;
    return describe(error.status, error.message, param, code, headers);
  }
  if (error instanceof RequestError) {
    const { param, code } = error.details;
    const status = statusOfCode[code ?? ""] ?? 400;
    const message = error.remedy ? `${error.message}. ${error.remedy}` : error.message;
    return describe(status, message, param, code, status === 504 ? notAgain : {});
  }
  if (error instanceof InterruptedRequestError) {
    // Its request was fine, and the model is being loaded again.
    return describe(503, `${error.message}. ${error.remedy}`, undefined, error.code, { "retry-after": "5" });
  }
  const [message, code] = error instanceof DeviceError
    ? ["The GPU failed while it worked on this request; the server's log says more", "device_error"]
    : ["The server failed on this request; its log says more", "internal_error"];
  return { ...describe(500, message, undefined, code, notAgain), internal: true };
}

function describe(
  status: number,
  message: string,
  param: string | undefined,
  code: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): DescribedError {
  const error = { message, type: typeOfStatus(status), param: param ?? null, code: code ?? null };
  return { status, body: { error }, headers, internal: false };
}
