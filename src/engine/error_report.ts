import {
  DeviceError,
  ExplainedError,
  InterruptedRequestError,
  type InterruptionCode,
  ModelError,
  ModelNotFoundError,
  RequestError,
} from "../base/errors.ts";
import type { ErrorReport } from "./protocol.ts";

/** An error in the form that crosses the border between worker and main thread. */
export function reportError(error: unknown): ErrorReport {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack } = error;
  const remedy = error instanceof ExplainedError ? error.remedy : undefined;
  return { name, message, stack, remedy, ...details(error) };
}

/** Builds the error again on the other side. */
export function rebuildError(report: ErrorReport): Error {
  const { message, remedy } = report;
  switch (report.name) {
    case "RequestError":
      return new RequestError(message, { param: report.param, code: report.code, remedy });
    case "InterruptedRequestError":
      return new InterruptedRequestError(message, report.code as InterruptionCode, remedy);
    case "ModelNotFoundError":
      return new ModelNotFoundError(message, remedy);
    case "ModelError":
      return new ModelError(message, remedy);
    case "DeviceError":
    case "DeviceLostError":
    case "VulkanError":
      return new DeviceError(message, remedy);
    default:
      return new Error(message, { cause: report.stack });
  }
}

/** What those are told whose requests ran when the engine ended: their keys and values are gone. */
export function interruption(why: string, code: InterruptionCode, cause?: unknown): InterruptedRequestError {
  const remedy = "The model is being loaded again: send the request again in a few seconds";
  return new InterruptedRequestError(`This request was interrupted: ${why}`, code, remedy, { cause });
}

function details(error: Error): { param?: string; code?: string } {
  if (error instanceof RequestError) return { param: error.details.param, code: error.details.code };
  return error instanceof InterruptedRequestError ? { code: error.code } : {};
}
