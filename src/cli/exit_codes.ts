import { CommanderError } from "commander";
import {
  AccessError,
  DeviceError,
  ExplainedError,
  InterruptedRequestError,
  ModelError,
  ModelNotFoundError,
  NetworkError,
  RequestError,
} from "../base/errors.ts";

/** What the process ends with. Documented in `llamav --help`; scripts rely on it. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  modelNotFound: 3,
  accessDenied: 4,
  network: 5,
  device: 6,
  corruptModel: 7,
  serverUnreachable: 8,
  interrupted: 130,
  /** What a shell reports for a program whose reader has gone, as in `llamav run … | head -1`. */
  brokenPipe: 141,
  terminated: 143,
} as const;

/** The command line itself is wrong. */
export class UsageError extends ExplainedError {
  override readonly name = "UsageError";
}

/** MODEL is something that can be no model at all. */
export class ModelNameError extends UsageError {}

/** No server of ours answers where one was asked for. */
export class ServerUnreachableError extends ExplainedError {
  override readonly name = "ServerUnreachableError";
}

/** A signal ended the command early. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  constructor(readonly exitCode: number) {
    super("Interrupted");
  }
}

/** Exit code of anything thrown by a command: the one place where errors become numbers. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof InterruptedError) return error.exitCode;
  // Who asks and who gives the commands are one here: what cannot be used was named on the command line.
  if (error instanceof UsageError || error instanceof RequestError) return exitCodes.usage;
  if (error instanceof ModelNotFoundError) return exitCodes.modelNotFound;
  if (error instanceof AccessError) return exitCodes.accessDenied;
  if (error instanceof NetworkError) return exitCodes.network;
  if (error instanceof ServerUnreachableError) return exitCodes.serverUnreachable;
  if (error instanceof DeviceError) return exitCodes.device;
  if (error instanceof InterruptedRequestError && error.code !== "engine_failed") return exitCodes.device;
  if (error instanceof ModelError) return exitCodes.corruptModel;
  return exitCodes.failure;
}
