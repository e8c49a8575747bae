import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { MergeMethod } from "../../merge/mod.ts";

const EPSILON = 1e-8;

/**
 * Arcee Fusion: of one expert, only the elements that matter are taken over
 * into pretrained. An element's importance is its distance times the
 * Kullback-Leibler divergence between the softmax of its row (along the last
 * dimension) in the expert and in pretrained; it matters from the median plus
 * 1.5 interquartile ranges of the tensor on.
 *
 * https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md
 *
 * The quantiles are those of all elements; mergekit draws a million at random
 * from larger tensors. The divergence is summed in double precision: between
 * rows that hardly differ, single precision leaves little but rounding.
 */
const arceeFusion: MergeMethod<Record<string, never>> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  minimumModels: 1,
  maximumModels: 1,
  parameters: z.strictObject({}),
  merge({ shape, pretrained, models }) {
    const delta = tf.sub(models[0]!, pretrained);
    const scores = importance(
      models[0]!.dataSync(),
      pretrained.dataSync(),
      shape.at(-1) ?? 1,
    );
    const sorted = scores.slice().sort();
    const quantile = (q: number): number =>
      sorted[Math.floor(q * (sorted.length - 1))]!;
    const threshold = quantile(0.5) + 1.5 * (quantile(0.75) - quantile(0.25));
    const mask = Float32Array.from(
      scores,
      (score) => Number(score >= threshold),
    );
    return tf.add(pretrained, tf.mul(delta, tf.tensor(mask, delta.shape)));
  },
};
export default arceeFusion;

/** Distance times the divergence of the element's row. */
function importance(
  expert: ArrayLike<number>,
  pretrained: ArrayLike<number>,
  columns: number,
): Float64Array {
  const scores = new Float64Array(expert.length);
  for (let begin = 0; begin < scores.length; begin += columns) {
    const p = softmax(expert, begin, columns);
    const q = softmax(pretrained, begin, columns);
    let divergence = 0;
    for (let i = 0; i < columns; i++) {
      divergence += p[i]! * Math.log(p[i]! / q[i]!);
    }
    for (let i = begin; i < begin + columns; i++) {
      scores[i] = Math.abs(expert[i]! - pretrained[i]!) * divergence;
    }
  }
  return scores;
}

function softmax(
  values: ArrayLike<number>,
  begin: number,
  length: number,
): Float64Array {
  const out = new Float64Array(length);
  let largest = -Infinity;
  for (let i = 0; i < length; i++) {
    largest = Math.max(largest, values[begin + i]!);
  }
  let sum = 0;
  for (let i = 0; i < length; i++) {
    sum += out[i] = Math.exp(values[begin + i]! - largest);
  }
  for (let i = 0; i < length; i++) out[i] = out[i]! / sum + EPSILON;
  return out;
}
