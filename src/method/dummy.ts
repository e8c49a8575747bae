import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { MergeMethod } from "../merge/mod.ts";

/**
 * Merges nothing: `_pretrained_` as it is, or the first model where the pool
 * has none. With a task pool, this evaluates it under every task's head.
 *
 * https://github.com/tanganke/fusion_bench (`dummy`)
 */
const dummy: MergeMethod<Record<string, never>> = {
  granularity: "element",
  pretrained: "optional",
  parameters: z.strictObject({}),
  merge: (input) =>
    tf.clone(input.hasPretrained ? input.pretrained : input.models[0]!),
};
export default dummy;
