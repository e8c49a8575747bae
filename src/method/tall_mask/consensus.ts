import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";
import { tallMasks } from "./task_arithmetic.ts";

interface Parameters {
  /** As of `tall_mask/task_arithmetic`. */
  tall_mask_lambda: NumberParameter;
  /**
   * Masks that must keep an element for it to stay: 2 drops what no task or one
   * task alone needs, 1 what none needs, 0 nothing.
   */
  prun_thre_k: NumberParameter;
  /** What the sum of the task vectors is multiplied by. */
  scaling_factor: NumberParameter;
}

/**
 * Consensus merging: pretrained + scaling_factor * sum of the task vectors,
 * without the elements that fewer than `prun_thre_k` tasks' TALL masks keep. It
 * is one model for all tasks.
 *
 * https://arxiv.org/abs/2405.07813
 *
 * FusionBench has the pieces (`method/tall_mask/utils.py`, whose name for the
 * threshold is kept) but no method made of them. `scaling_factor` has task
 * arithmetic's default.
 */
const consensus: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    tall_mask_lambda: numberParameter({ minimum: 0 }).default(0.6),
    prun_thre_k: numberParameter({ minimum: 0, perModel: false }).default(2),
    scaling_factor: numberParameter({ perModel: false }).default(0.3),
  }),
  merge({ pretrained, models, modelNames, number }, parameters) {
    const { tall_mask_lambda, prun_thre_k, scaling_factor } = parameters;
    const deltas = models.map((model) => tf.sub(model, pretrained));
    const masks = tallMasks(
      deltas,
      modelNames.map((model) => number(tall_mask_lambda, model)),
    );
    const votes = tf.addN(masks.map((mask) => tf.cast(mask, "float32")));
    const kept = tf.cast(
      tf.greaterEqual(votes, number(prun_thre_k)),
      "float32",
    );
    const sum = tf.mul(tf.addN(deltas), number(scaling_factor));
    return tf.add(pretrained, tf.mul(kept, sum));
  },
};
export default consensus;
