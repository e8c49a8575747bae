import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  magnitudeRankMask,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  taskVectorValues,
} from "../../merge/mod.ts";

interface Parameters {
  /** Share of the elements that vary between models which is selected. */
  select_topk: NumberParameter;
}

/**
 * SCE (select, calculate, erase): of each tensor the elements whose task
 * vectors vary most between models are selected; each model weighs as much as
 * the mean square of its selected elements; values against the sign of their
 * sum are erased, and the weighted average of the rest is added to the
 * pretrained weights.
 *
 * https://arxiv.org/abs/2408.07990
 *
 * Follows mergekit; its `int8_mask` changes no number and is left out.
 */
const sce: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: z.strictObject({
    select_topk: numberParameter({ minimum: 0, maximum: 1, perModel: false })
      .default(1),
  }),
  merge(input, { select_topk }) {
    const { pretrained, models, number } = input;
    const values = taskVectorValues(input);
    const share = number(select_topk);
    const mask = share < 1 ? mostVarying(values, share) : undefined;
    const factors = mask && tf.tensor(mask, pretrained.shape);
    const deltas = models.map((model) => {
      const delta = tf.sub(model, pretrained);
      return factors ? tf.mul(delta, factors) : delta;
    });
    const weights = shares(values.map((delta) => meanSquare(delta, mask)));
    // mergekit: the sign is that of the plain sum, weights come after.
    const sum = deltas.length === 1 ? deltas[0]! : tf.addN(deltas);
    const sign = tf.sub(
      tf.mul(tf.cast(tf.greaterEqual(sum, 0), "float32"), 2),
      1,
    );
    const agreeing = deltas.map((delta) => tf.relu(tf.mul(delta, sign)));
    const erased = tf.addN(
      agreeing.map((delta, i) => tf.mul(delta, weights[i]!)),
    );
    const divisor = tf.addN(
      agreeing.map((delta, i) => tf.mul(tf.step(delta), weights[i]!)),
    );
    return tf.add(
      pretrained,
      tf.mul(tf.div(erased, tf.maximum(divisor, 1e-6)), sign),
    );
  },
};
export default sce;

function mostVarying(
  deltas: readonly Float32Array[],
  share: number,
): Float32Array {
  const size = deltas[0]!.length;
  const variance = new Float32Array(size);
  let varying = 0;
  for (let i = 0; i < size; i++) {
    let mean = 0;
    for (const delta of deltas) mean += delta[i]!;
    mean /= deltas.length;
    let squares = 0;
    for (const delta of deltas) squares += (delta[i]! - mean) ** 2;
    variance[i] = squares / deltas.length;
    if (variance[i] !== 0) varying++;
  }
  return magnitudeRankMask(variance, size - Math.floor(varying * share), size);
}

function meanSquare(delta: Float32Array, mask?: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < delta.length; i++) {
    if (!mask || mask[i] === 1) sum += delta[i]! ** 2;
  }
  return sum / delta.length;
}

/** Parts of the whole; equal ones where there is next to nothing to share. */
function shares(energies: readonly number[]): number[] {
  const total = energies.reduce((sum, energy) => sum + energy, 0);
  return energies.map((energy) =>
    total < 1e-6 ? 1 / energies.length : energy / total
  );
}
