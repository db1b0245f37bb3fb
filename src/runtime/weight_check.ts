import { openCheckpoint } from "../model/checkpoint.ts";
import { findSuspectTensors, type SuspectTensor } from "../model/check_values.ts";
import type { LoadProgress } from "./reports.ts";

/** So many tensors are named; a file that is spoiled throughout has thousands. */
const named = 3;

/**
 * Reads all weights of a model directory and says what is wrong with their values, for people.
 *
 * @returns a sentence for each kind of fault; none if nothing is wrong
 * @throws {ModelError} If the files are damaged.
 */
export async function checkWeights(
  directory: string,
  onProgress: (progress: LoadProgress) => void = () => {},
): Promise<string[]> {
  const { weights } = openCheckpoint(directory);
  try {
    const suspects = await findSuspectTensors(
      weights,
      (done, total) => onProgress({ stage: "check of the weights", done, total, unit: "bytes" }),
    );
    return [
      ...describe(suspects, "not finite", "hold NaN or infinity, so answers may end with an error"),
      ...describe(suspects, "all zero", "are zero throughout, so answers may make no sense"),
    ];
  } finally {
    weights.close();
  }
}

function describe(
  suspects: readonly SuspectTensor[],
  fault: SuspectTensor["fault"],
  means: string,
): string[] {
  const names = suspects.filter((suspect) => suspect.fault === fault).map(({ name }) => name);
  if (names.length === 0) return [];
  const more = names.length > named ? ` and ${names.length - named} more` : "";
  return [`Tensors ${means}: ${names.slice(0, named).join(", ")}${more}; fetch the checkpoint again`];
}
