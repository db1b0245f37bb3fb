import type { Runtime } from "../runtime/request.ts";
import { HttpError } from "./errors.ts";

/** The name that every client may use without knowing what is served. */
const anyModel = "default";

/**
 * Checks the model that a request names: the served id, its path as the operator gave it, or `default`. The name is
 * compared and goes nowhere else.
 *
 * @throws {HttpError} 404 `model_not_found`.
 */
export function checkModel(name: string, runtime: Runtime): void {
  const { id, path } = runtime.model;
  if (name === id || name === path || name === anyModel) return;
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  // A folder of this machine is nobody's business.
  const names = [...new Set([id, ...isFolder(path) ? [] : [path]])].map((name) => `"${name}"`).join(", ");
  throw new HttpError(
    404,
    `The model "${shown}" is not served here; its names are ${names} and "${anyModel}"`,
    {
      param: "model",
      code: "model_not_found",
    },
  );
}

/** A repository's name is its ID; what else has a slash is a path. */
function isFolder(path: string): boolean {
  return /[/\\]/.test(path);
}

/** A `model` object of the API. */
export function modelBody(runtime: Runtime, created: number): unknown {
  const { id, contextLength } = runtime.model;
  return { id, object: "model", created, owned_by: "llamav", max_model_len: contextLength };
}

export function modelList(runtime: Runtime, created: number): unknown {
  return { object: "list", data: [modelBody(runtime, created)] };
}
