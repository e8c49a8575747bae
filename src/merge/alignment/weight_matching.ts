import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../../checkpoint/mod.ts";
import { randomUniform } from "../random.ts";
import { bestAssignment } from "./assignment.ts";
import {
  axisSizes,
  permutationAxes,
  type Permutations,
  permuted,
  stageCount,
} from "./permutation_axes.ts";

/** How weights are matched. */
export interface WeightMatchingOptions {
  /** Sweeps over all permutations, at most. @default {100} */
  maxIterations?: number;
  /** Chooses the order within each sweep. @default {0} */
  seed?: number;
}

/** A place where a permutation moves a tensor. */
interface Place {
  tensor: string;
  shape: readonly number[];
  /** Whether it is the second axis that is moved. */
  isSecond: boolean;
  /** The permutation along the other axis. */
  other: string | undefined;
}

/**
 * Git Re-Basin's weight matching: orders a model's channels so that its weights
 * have the largest inner product with another's. One permutation after the other
 * is chosen best while the others stay, until none changes.
 *
 * https://arxiv.org/abs/2209.04836
 *
 * The first sweep begins with the stages' permutations and looks at tensors only
 * that no permutation moves which has not been chosen yet. Heads take no part.
 *
 * @param reference The model that stays as it is.
 * @param model Of the same architecture and size.
 */
export async function weightMatching(
  reference: StateDict,
  model: StateDict,
  { maxIterations = 100, seed = 0 }: WeightMatchingOptions = {},
): Promise<Permutations> {
  const places = placesOf(reference);
  const permutations = new Map<string, Int32Array>();
  const names = [...places.keys()].sort((a, b) =>
    Number(b.startsWith("stage")) - Number(a.startsWith("stage")) // stages first
  );
  for (let sweep = 0; sweep < maxIterations; sweep++) {
    const order = sweep === 0 ? names : shuffled(names, seed, `sweep ${sweep}`);
    let isChanged = false;
    for (const name of order) {
      const usable = places.get(name)!.filter(({ other }) =>
        sweep > 0 || other === undefined || permutations.has(other)
      );
      const { scores, size } = await scoresOf(
        usable,
        reference,
        model,
        permutations,
      );
      const next = bestAssignment(scores, size);
      const now = permutations.get(name);
      if (
        !now || total(scores, next) > total(scores, now) + 1e-6 * Math.abs(
                total(scores, now),
              )
      ) {
        permutations.set(name, next);
        isChanged = true;
      }
    }
    if (!isChanged && sweep > 0) break;
  }
  return permutations;
}

function placesOf(reference: StateDict): Map<string, Place[]> {
  const stages = stageCount(reference.names);
  const places = new Map<string, Place[]>();
  for (const tensor of reference.names) {
    if (tensor.startsWith("classifier.")) continue;
    const { shape } = reference.info(tensor);
    const { first, second } = permutationAxes(tensor, stages);
    const add = (name: string, isSecond: boolean, other?: string): void => {
      const place = { tensor, shape, isSecond, other };
      places.set(name, [...places.get(name) ?? [], place]);
    };
    if (first !== undefined) add(first, false, second);
    if (second !== undefined) add(second, true, first);
  }
  return places;
}

/** Inner products of each of the reference's channels with each of ours. */
async function scoresOf(
  places: readonly Place[],
  reference: StateDict,
  model: StateDict,
  permutations: Permutations,
): Promise<{ scores: Float32Array; size: number }> {
  let sum: tf.Tensor2D | undefined;
  for (const { tensor, shape, isSecond, other } of places) {
    const sizes = axisSizes(shape);
    const fixed = other === undefined ? undefined : permutations.get(other);
    const ours = permuted(
      await model.read(tensor),
      shape,
      isSecond ? fixed : undefined,
      isSecond ? undefined : fixed,
    );
    const theirs = await reference.read(tensor);
    const next = tf.tidy(() => {
      const rows = (values: Float32Array): tf.Tensor2D => {
        const whole = tf.tensor3d(values, sizes);
        const moved = isSecond ? tf.transpose(whole, [1, 0, 2]) : whole;
        return tf.reshape(moved, [moved.shape[0], -1]);
      };
      const product = tf.matMul(rows(theirs), rows(ours), false, true);
      return (sum ? tf.add(sum, product) : product) as tf.Tensor2D;
    });
    sum?.dispose();
    sum = next;
  }
  const size = sum!.shape[0];
  const scores = (await sum!.data<"float32">()).slice();
  sum!.dispose();
  return { scores, size };
}

function total(scores: Float32Array, assignment: Int32Array): number {
  let sum = 0;
  for (const [row, column] of assignment.entries()) {
    sum += scores[row * assignment.length + column]!;
  }
  return sum;
}

function shuffled(
  names: readonly string[],
  seed: number,
  draw: string,
): string[] {
  const draws = randomUniform(seed, ["weight matching", draw], 0, names.length);
  return names.map((name, i) => [draws[i]!, name] as const)
    .sort(([a], [b]) => a - b)
    .map(([, name]) => name);
}
