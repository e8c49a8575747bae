import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { adapt } from "./adaptation.ts";
import { clamped } from "./coefficients.ts";
import {
  type EarlyStoppingOptions,
  earlyStoppingSchema,
} from "./early_stopping.ts";
import {
  mergingWeight,
  type MergingWeights,
  readMergingWeights,
  saveMergingWeights,
} from "./merging_weights.ts";

/** Parameters of AdaMerging, named and defaulted as in FusionBench. */
export interface AdaMergingParameters {
  /** One weight a task, or a file of saved ones: nothing is adapted then. */
  weights: string | number[] | null;
  /** Adam, as PyTorch's. */
  optimizer: "adam";
  /** Length of Adam's steps. */
  lr: number;
  /** What every merging weight begins with; `null` is 1 / tasks. */
  init_values: number | null;
  /** Clamps merging weights to [0, 1]. */
  clamp_weights: boolean;
  /** Of FusionBench's `functional_call`; nothing here. */
  tie_weights: boolean;
  /** Of FusionBench's `functional_call`; nothing here. */
  strict: boolean;
  /** Of FusionBench; nothing here. */
  devices: number;
  /** Images of each task a step. */
  batch_size: number;
  /** Of FusionBench; nothing here. */
  num_workers: number;
  /** Steps. */
  max_steps: number;
  /** Takes one step only. */
  fast_dev_run: boolean;
  /** JSON file for the merging weights; `null` leaves them to `merge.json`. */
  save_merging_weights: string | null;
  /** Of FusionBench, for CLIP's heads; nothing here. */
  cache_dir: string | null;
  /** Takes images in a random order. */
  shuffle: boolean;
  /** Chooses that order; `null` is 0. */
  seed: number | null;
  /** Stops when accuracy on validation images no longer rises. */
  early_stopping: EarlyStoppingOptions | null;
}

/** Schemas of the parameters by name. */
export const adaMergingShape = {
  weights: z.union([z.string().min(1), z.array(z.number())]).nullable()
    .default(null),
  optimizer: z.literal("adam").default("adam"),
  lr: z.number().positive().default(1e-3),
  init_values: z.number().nullable().default(0.3),
  clamp_weights: z.boolean().default(false),
  tie_weights: z.boolean().default(true),
  strict: z.boolean().default(false),
  devices: z.int().default(1),
  batch_size: z.int().min(1).default(16),
  num_workers: z.int().min(0).default(8),
  max_steps: z.int().min(0).default(1000),
  fast_dev_run: z.boolean().default(false),
  save_merging_weights: z.string().min(1).nullable().default(null),
  cache_dir: z.string().nullable().default(null),
  shuffle: z.boolean().default(true),
  seed: z.int().nullable().default(null),
  early_stopping: earlyStoppingSchema,
} satisfies Record<keyof AdaMergingParameters, z.ZodType>;

/**
 * AdaMerging: task arithmetic whose merging weights minimise the entropy of the
 * merged model's predictions on the tasks' test images, without labels.
 *
 * https://arxiv.org/abs/2310.02575
 *
 * @param layerWise A merging weight for each tensor, not one for all.
 */
export function adaMerging(
  layerWise: boolean,
): MergeMethod<AdaMergingParameters, MergingWeights> {
  return {
    granularity: "element",
    pretrained: "needed",
    parameters: z.strictObject(adaMergingShape),
    check({ weights }, modelNames) {
      if (!Array.isArray(weights) || weights.length === modelNames.length) {
        return;
      }
      throw new MethodError(
        `method adamerging: weights has ${weights.length} numbers, expected one for each of ${
          modelNames.join(", ")
        }`,
      );
    },
    dataUse: ({ weights, max_steps, batch_size, early_stopping }) =>
      weights !== null || max_steps === 0 ? undefined : {
        split: "test",
        images: max_steps * batch_size,
        purpose: "to minimise the entropy of predictions",
        ...(early_stopping && { validation: "for early stopping" }),
      },
    async prepare(pool, parameters, { targets }) {
      const { weights: given, init_values, max_steps } = parameters;
      const { fast_dev_run, save_merging_weights, clamp_weights } = parameters;
      const tasks = [...pool.models.keys()];
      if (typeof given === "string") {
        const found = await readMergingWeights(given, tasks, [
          ...targets.keys(),
        ]);
        return clamped(found, clamp_weights);
      }
      const tensors = layerWise ? [...targets.keys()] : ["*"];
      let weights: MergingWeights = {
        tasks,
        tensors,
        merge_weight: tasks.map((_, t) =>
          tensors.map(() => given?.[t] ?? init_values ?? 1 / tasks.length)
        ),
      };
      if (given === null && max_steps > 0) {
        const steps = fast_dev_run ? 1 : max_steps;
        weights = await adapt(pool, targets, weights, {
          ...parameters,
          max_steps: steps,
        });
        pool.data?.note("merging_weights", weights);
        if (save_merging_weights !== null) {
          await saveMergingWeights(save_merging_weights, weights);
        }
      }
      return clamped(weights, clamp_weights);
    },
    merge({ name, pretrained, models, modelNames }, _, weights) {
      const scaled = models.map((model, i) =>
        tf.mul(
          tf.sub(model, pretrained),
          mergingWeight(weights, modelNames[i]!, name),
        )
      );
      return tf.addN([pretrained, ...scaled]);
    },
  };
}
