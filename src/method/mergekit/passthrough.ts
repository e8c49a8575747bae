import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** What the weights are multiplied by; `null` leaves them alone. */
  scale: NumberParameter | null;
}

/**
 * Passthrough: the one expert's weights as they are, or times `scale` (which
 * may differ by tensor or over depth).
 *
 * https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md
 */
const passthrough: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "unused",
  maximumModels: 1,
  parameters: z.strictObject({
    scale: numberParameter().nullable().default(null),
  }),
  merge({ models, modelNames, number }, { scale }) {
    return scale === null
      ? models[0]!
      : tf.mul(models[0]!, number(scale, modelNames[0]));
  },
};
export default passthrough;
