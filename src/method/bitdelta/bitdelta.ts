import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { elementCount } from "../../checkpoint/mod.ts";
import {
  isLinearWeight,
  type MergeMethod,
  taskVectorPass,
} from "../../merge/mod.ts";

type Parameters = Record<string, never>;
/** Mean magnitude of the task vector of each tensor that is compressed. */
type Scales = ReadonlyMap<string, number>;

/**
 * BitDelta: of one expert's task vector only the signs are kept, one bit an
 * element, times one scale a tensor: the mean magnitude. A difference of 0
 * counts as positive.
 *
 * https://arxiv.org/abs/2402.10193
 *
 * As in FusionBench the weights of the blocks' linear layers are compressed (a
 * ConvNeXt's pointwise convolutions), all else is the expert's own. This is its
 * `diff_untrained`: FusionBench goes on to train the scales on text (`lr`,
 * `num_steps`, `dataset_name`, …), which means nothing for an image classifier,
 * so those parameters are left out.
 */
const bitdelta: MergeMethod<Parameters, Scales> = {
  granularity: "element",
  pretrained: "needed",
  maximumModels: 1,
  parameters: z.strictObject({}),
  async prepare(pool, _parameters, context) {
    const except = [...context.targets.keys()].filter((name) =>
      !isLinearWeight(name)
    );
    const scales = new Map<string, number>();
    for await (
      const { name, deltas } of taskVectorPass(pool, context, { except })
    ) {
      let sum = scales.get(name) ?? 0;
      for (const value of deltas[0]!) sum += Math.abs(value);
      scales.set(name, sum);
    }
    for (const [name, sum] of scales) {
      scales.set(name, sum / elementCount(context.targets.get(name)!));
    }
    return scales;
  },
  merge({ name, pretrained, models }, _parameters, scales) {
    const scale = scales.get(name);
    if (scale === undefined) return models[0]!;
    const positive = tf.greaterEqual(models[0]!, pretrained);
    return tf.add(
      pretrained,
      tf.sub(tf.mul(tf.cast(positive, "float32"), 2 * scale), scale),
    );
  },
};
export default bitdelta;
