import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";

/** A coefficient for each task vector, and each tensor where they differ. */
export interface MergingWeights {
  /** The experts' names. */
  tasks: readonly string[];
  /** The tensors' names, or `["*"]` for one coefficient for all. */
  tensors: readonly string[];
  /** [tasks][tensors]. */
  merge_weight: number[][];
}

const schema = z.object({
  tasks: z.array(z.string()),
  tensors: z.array(z.string()),
  merge_weight: z.array(z.array(z.number())),
});

/** The coefficient of a task vector's tensor. */
export function mergingWeight(
  { tasks, tensors, merge_weight }: MergingWeights,
  task: string,
  tensor: string,
): number {
  const column = tensors.length === 1 && tensors[0] === "*"
    ? 0
    : tensors.indexOf(tensor);
  return merge_weight[tasks.indexOf(task)]![column]!;
}

/**
 * Reads merging weights that a run has saved.
 * @throws {MethodError} If the file is not there, or not of these models.
 */
export async function readMergingWeights(
  path: string,
  tasks: readonly string[],
  tensors: readonly string[],
): Promise<MergingWeights> {
  let json: unknown;
  try {
    json = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new MethodError(
      `${path}: ${
        (error as Error).message
      }, expected the JSON file that save_merging_weights wrote`,
      { cause: error },
    );
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new MethodError(
      `${path}: ${issue?.path.join(".")}: ${issue?.message}`,
    );
  }
  const found = result.data;
  for (const task of tasks) {
    const row = found.merge_weight[found.tasks.indexOf(task)];
    if (row?.length === found.tensors.length) continue;
    throw new MethodError(
      `${path}: no merging weights of model ${task}, it has those of ${
        found.tasks.join(", ")
      }`,
    );
  }
  const missing = found.tensors[0] === "*"
    ? undefined
    : tensors.find((tensor) => !found.tensors.includes(tensor));
  if (missing === undefined) return found;
  throw new MethodError(`${path}: no merging weights of tensor ${missing}`);
}

/** Writes merging weights as a JSON file. */
export async function saveMergingWeights(
  path: string,
  weights: MergingWeights,
): Promise<void> {
  try {
    await Deno.writeTextFile(path, JSON.stringify(weights, null, 2) + "\n");
  } catch (error) {
    throw new MethodError(
      `save_merging_weights: ${path}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
