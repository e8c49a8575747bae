import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /**
   * How far a task's own value must outweigh the others': larger masks keep
   * less.
   */
  tall_mask_lambda: NumberParameter;
  /** FusionBench's; nothing here. */
  debug: number;
  /** FusionBench's; nothing here. */
  verbose: number;
}

/**
 * TALL masks over task arithmetic: the merged model is pretrained + the sum of
 * the task vectors. Each task keeps a mask of one bit an element: where the
 * magnitude of its own task vector is larger than `tall_mask_lambda` times that
 * of the sum of the others. Its backbone is pretrained + mask * sum of the task
 * vectors.
 *
 * https://arxiv.org/abs/2405.07813
 *
 * Unlike FusionBench, as the paper and its authors' code: FusionBench compares
 * the pretrained weights with task vectors where it means to compare them with
 * the experts' weights, so that its masks depend on where the pretrained
 * weights lie. The lambda may differ by task and by layer.
 */
const tallMaskTaskArithmetic: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    tall_mask_lambda: numberParameter({ minimum: 0 }).default(0.6),
    debug: z.number().default(0),
    verbose: z.number().default(0),
  }),
  merge({ pretrained, models }) {
    const deltas = models.map((model) => tf.sub(model, pretrained));
    return tf.addN([pretrained, ...deltas]);
  },
  taskMasks: {
    masks: ({ deltas, modelNames, number }, { tall_mask_lambda }) =>
      tallMasks(
        deltas,
        modelNames.map((model) => number(tall_mask_lambda, model)),
      ),
  },
};
export default tallMaskTaskArithmetic;

/**
 * For each task, where |its task vector| > lambda * |sum - its task vector|.
 *
 * @param lambdas One for each task.
 */
export function tallMasks(
  deltas: readonly tf.Tensor[],
  lambdas: readonly number[],
): tf.Tensor[] {
  const sum = tf.addN([...deltas]);
  return deltas.map((delta, t) =>
    tf.greater(
      tf.abs(delta),
      tf.mul(tf.abs(tf.sub(sum, delta)), lambdas[t]!),
    )
  );
}
