import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type {
  MergeMethod,
  MergePool,
  PrepareContext,
  TaskMaskRule,
} from "../../merge/mod.ts";
import { taskVectorPass } from "../../merge/mod.ts";

/**
 * EMR merging: elect, mask and rescale. Each element elects the sign of the
 * task vectors' sum (the negative one where it is 0); the unified task vector
 * has that sign, and the largest magnitude among the task vectors that agree
 * with it. The merged model is pretrained + unified task vector.
 *
 * Each task keeps a mask of one bit an element (where its own task vector has
 * the elected sign) and one number (the mean magnitude of its own task vector,
 * added up over the tensors, over that of the masked unified one). Its backbone
 * is pretrained + number * mask * unified task vector.
 *
 * https://arxiv.org/abs/2405.17461
 *
 * As FusionBench, whose sums of means over tensors are kept, where the paper
 * has one mean over all elements. Unlike it, a task whose mask keeps nothing
 * has the number 1, not NaN, and heads take no part.
 */
const emrMerging: MergeMethod<Record<string, never>> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({}),
  merge({ pretrained, models }) {
    const deltas = models.map((model) => tf.sub(model, pretrained));
    const flag = electedSign(deltas);
    const agreeing = deltas.map((delta) => tf.relu(tf.mul(delta, flag)));
    const largest = agreeing.reduce((most, next) => tf.maximum(most, next));
    return tf.add(pretrained, tf.mul(largest, flag));
  },
  taskMasks: {
    masks({ deltas }) {
      const flag = electedSign(deltas);
      return deltas.map((delta) => tf.greater(tf.mul(delta, flag), 0));
    },
    scales: rescalers,
  } satisfies TaskMaskRule<Record<string, never>>,
};
export default emrMerging;

/** 1 where the sum is positive, else -1. */
function electedSign(deltas: readonly tf.Tensor[]): tf.Tensor {
  const positive = tf.cast(tf.greater(tf.addN([...deltas]), 0), "float32");
  return tf.sub(tf.mul(positive, 2), 1);
}

/** Sums in float64 over the whole pool, which tensor operations do not have. */
async function rescalers(
  pool: MergePool,
  _: Record<string, never>,
  context: PrepareContext,
): Promise<number[]> {
  const own = new Float64Array(pool.models.size);
  const masked = new Float64Array(pool.models.size);
  for await (const { name, deltas } of taskVectorPass(pool, context)) {
    const size = context.targets.get(name)!.reduce((n, side) => n * side, 1);
    const unified = unifiedVector(deltas);
    deltas.forEach((delta, t) => {
      let ours = 0;
      let kept = 0;
      for (let i = 0; i < delta.length; i++) {
        const value = delta[i]!;
        ours += Math.abs(value);
        // No branch: which sign a value has is as good as random.
        kept += Number(value * unified[i]! > 0) * Math.abs(unified[i]!);
      }
      own[t]! += ours / size;
      masked[t]! += kept / size;
    });
  }
  return Array.from(own, (sum, t) => masked[t] === 0 ? 1 : sum / masked[t]!);
}

function unifiedVector(deltas: readonly Float32Array[]): Float32Array {
  const unified = new Float32Array(deltas[0]!.length); // rounds as the merge
  for (const delta of deltas) {
    for (let i = 0; i < unified.length; i++) unified[i]! += delta[i]!;
  }
  for (let i = 0; i < unified.length; i++) {
    const flag = 2 * Number(unified[i]! > 0) - 1;
    let largest = 0;
    for (const delta of deltas) largest = Math.max(largest, delta[i]! * flag);
    unified[i] = largest * flag;
  }
  return unified;
}
