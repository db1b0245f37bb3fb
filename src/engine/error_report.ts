import { DeviceError, ExplainedError, ModelError, ModelNotFoundError, RequestError } from "../base/errors.ts";
import type { ErrorReport } from "./protocol.ts";

/** An error in the form that crosses the border between worker and main thread. */
export function reportError(error: unknown): ErrorReport {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack } = error;
  const remedy = error instanceof ExplainedError ? error.remedy : undefined;
  const details = error instanceof RequestError
    ? { param: error.details.param, code: error.details.code }
    : {};
  return { name, message, stack, remedy, ...details };
}

/** Builds the error again on the other side. */
export function rebuildError(report: ErrorReport): Error {
  const { message, remedy } = report;
  switch (report.name) {
    case "RequestError":
      return new RequestError(message, { param: report.param, code: report.code, remedy });
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
