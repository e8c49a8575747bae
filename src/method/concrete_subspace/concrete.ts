import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { MergeMethod, MergePool } from "../../merge/mod.ts";
import { adaptWeights } from "../adamerging/adaptation.ts";
import { clamped } from "../adamerging/coefficients.ts";
import {
  type EarlyStoppingOptions,
  earlyStoppingSchema,
} from "../adamerging/early_stopping.ts";
import {
  mergingWeight,
  type MergingWeights,
} from "../adamerging/merging_weights.ts";
import { TestTimeModel } from "../adamerging/test_time_model.ts";
import {
  type Mask,
  type MaskType,
  readMask,
  sampleMask,
  saveMask,
} from "./concrete_mask.ts";
import { learnMask } from "./learn_mask.ts";

/** Parameters of the Concrete methods, named and defaulted as in FusionBench. */
export interface ConcreteParameters {
  /** Images of each task a step. */
  batch_size: number;
  /** Of FusionBench; nothing here. */
  num_workers: number;
  /** Of FusionBench; nothing here: always float32. */
  merge_dtype: null;
  /** Adam or, for task arithmetic, SGD with a cosine schedule; as PyTorch's. */
  optimizer: "adam" | "sgd";
  /** Length of the steps that the mask takes. */
  lr: number;
  /** Length of the step that merging weights take before each of the mask. */
  base_lr: number;
  /** Length of the steps of merging weights once the mask is learnt. */
  adamerging_lr: number;
  /** What every merging weight begins with. */
  scaling_factor: number;
  /** Steps of the mask. */
  max_steps: number;
  /** Steps of merging weights once the mask is learnt. */
  max_adamerging_steps: number;
  /** Of FusionBench; nothing here. */
  save_interval: number;
  /** What every logit of the mask begins with. */
  initial_logits: number;
  /** The lower, the nearer to 0 and 1 the mask's elements are. */
  temperature: number;
  /** Whether the mask of the merged model is 0 and 1, or between them. */
  eval_mask_type: MaskType;
  /** Safetensors file of the mask's logits: it is not learnt then. */
  mask_checkpoint: string | null;
  /** Safetensors file that the mask's logits are written to. */
  save_mask_checkpoint: string | null;
  /** Clamps merging weights to [0, 1]. */
  clamp_weights: boolean;
  /** Of FusionBench's `functional_call`; nothing here. */
  tie_weights: boolean;
  /** Of FusionBench's `functional_call`; nothing here. */
  strict: boolean;
  /** Of FusionBench, for CLIP's heads; nothing here. */
  cache_dir: string | null;
  /** Takes the mask as it begins. */
  skip_training: boolean;
  /** Takes images in a random order. */
  shuffle: boolean;
  /** Chooses that order and the masks; `null` is 0. */
  seed: number | null;
  /** Stops when accuracy on validation images no longer rises. */
  early_stopping: EarlyStoppingOptions | null;
}

/** Merging weights and the mask of every tensor. */
interface Facts {
  weights: MergingWeights;
  masks: Mask;
}

/** Which merging weights a Concrete method adapts besides the mask. */
export type Adapted = "none" | "task_wise" | "layer_wise";

/**
 * Concrete subspace learning: a mask that all task vectors share, learnt so that
 * the merged model is sure of its predictions on test images without labels.
 * Each step draws a mask from the distribution that is being learnt. With
 * AdaMerging, merging weights take a step of their own before each of the
 * mask's, and are adapted once more when the mask is learnt.
 *
 * https://arxiv.org/abs/2312.06173
 *
 * As in FusionBench, that first step's gradient is taken where the merging
 * weights of the step before were. A tensor of which a discrete mask keeps
 * nothing stays as pretrained; there it is NaN.
 */
export function concrete(
  adapted: Adapted,
): MergeMethod<ConcreteParameters, Facts> {
  return {
    granularity: "element",
    pretrained: "needed",
    parameters: schemaOf(adapted),
    dataUse: (parameters) => {
      const images = imagesOf(adapted, parameters);
      const { early_stopping } = parameters;
      return images === 0 ? undefined : {
        split: "test",
        images,
        purpose: "to minimise the entropy of predictions",
        ...(early_stopping && { validation: "for early stopping" }),
      };
    },
    async prepare(pool, parameters, { targets }) {
      const tasks = [...pool.models.keys()];
      const tensors = adapted === "layer_wise" ? [...targets.keys()] : ["*"];
      const weights: MergingWeights = {
        tasks,
        tensors,
        merge_weight: tasks.map(() =>
          tensors.map(() => parameters.scaling_factor)
        ),
      };
      return await learn(adapted, pool, targets, weights, parameters);
    },
    merge({ name, begin, pretrained, models, modelNames }, _, facts) {
      const scaled = models.map((model, i) =>
        tf.mul(
          tf.sub(model, pretrained),
          mergingWeight(facts.weights, modelNames[i]!, name),
        )
      );
      const mask = facts.masks.get(name)!;
      return tf.add(
        pretrained,
        tf.mul(
          tf.tensor1d(mask.slice(begin, begin + pretrained.size)),
          tf.addN(scaled),
        ),
      );
    },
  };
}

async function learn(
  adapted: Adapted,
  pool: MergePool,
  targets: ReadonlyMap<string, readonly number[]>,
  initial: MergingWeights,
  parameters: ConcreteParameters,
): Promise<Facts> {
  const { mask_checkpoint, save_mask_checkpoint, clamp_weights } = parameters;
  let weights = initial;
  let logits = mask_checkpoint === null
    ? new Map(Array.from(targets, ([name, shape]) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return [name, new Float32Array(size).fill(parameters.initial_logits)];
    }))
    : await readMask(mask_checkpoint, targets);
  const masksOf = (logits: Mask): Mask =>
    new Map(Array.from(logits, ([name, values]) => [
      name,
      sampleMask(name, values, {
        type: parameters.eval_mask_type,
        temperature: parameters.temperature,
        seed: parameters.seed ?? 0,
        draw: "evaluation",
      }).mask,
    ]));
  if (imagesOf(adapted, parameters) === 0) {
    return { weights, masks: masksOf(logits) };
  }
  const model = await TestTimeModel.open(
    pool,
    "concrete_subspace",
    targets,
    parameters,
  );
  try {
    if (mask_checkpoint === null && !parameters.skip_training) {
      logits = await learnMask(pool, model, weights, logits, {
        ...parameters,
        adaptsWeights: adapted !== "none",
        masksOf,
      });
      if (save_mask_checkpoint !== null) {
        await saveMask(save_mask_checkpoint, logits, targets);
      }
    }
    const masks = masksOf(logits);
    if (adapted !== "none") {
      weights = await adaptWeights(pool, model, weights, {
        max_steps: parameters.max_adamerging_steps,
        lr: parameters.adamerging_lr,
        clamp_weights,
        early_stopping: parameters.early_stopping,
      }, masks);
      pool.data?.note("merging_weights", weights);
    }
    model.tell();
    return { weights: clamped(weights, clamp_weights), masks };
  } finally {
    await model.close();
  }
}

/** Images of each task that are looked at, with repetitions. */
function imagesOf(adapted: Adapted, parameters: ConcreteParameters): number {
  const { mask_checkpoint, skip_training, batch_size } = parameters;
  const maskSteps = mask_checkpoint === null && !skip_training
    ? parameters.max_steps
    : 0;
  return batch_size *
    (adapted === "none"
      ? maskSteps
      : 2 * maskSteps + parameters.max_adamerging_steps);
}

/** Each method has the parameters that FusionBench's has. */
function schemaOf(adapted: Adapted): z.ZodType<ConcreteParameters> {
  const isTaskArithmetic = adapted === "none";
  const common = {
    batch_size: z.int().min(1).default(16),
    num_workers: z.int().min(0).default(8),
    merge_dtype: z.null().default(null),
    optimizer: (isTaskArithmetic ? z.enum(["adam", "sgd"]) : z.enum(["adam"]))
      .default("adam"),
    lr: z.number().positive().default(1e-3),
    scaling_factor: z.number().default(0.3),
    max_steps: z.int().min(0).default(isTaskArithmetic ? 2000 : 1000),
    save_interval: z.int().min(1).default(500),
    initial_logits: z.number().default(0),
    temperature: z.number().positive().default(0.5),
    eval_mask_type: z.enum(["discrete", "continuous"]).default("continuous"),
    mask_checkpoint: z.string().min(1).nullable().default(null),
    save_mask_checkpoint: z.string().min(1).nullable().default(null),
    clamp_weights: z.boolean().default(false),
    tie_weights: z.boolean().default(true),
    strict: z.boolean().default(false),
    cache_dir: z.string().nullable().default(null),
    shuffle: z.boolean().default(true),
    seed: z.int().nullable().default(null),
    early_stopping: earlyStoppingSchema,
  };
  const rest = { base_lr: 1, adamerging_lr: 1e-3, max_adamerging_steps: 1000 };
  return isTaskArithmetic
    ? z.strictObject({
      ...common,
      skip_training: z.boolean().default(false),
    }).transform((parameters) => ({ ...parameters, ...rest }))
    : z.strictObject({
      ...common,
      base_lr: z.number().positive().default(rest.base_lr),
      adamerging_lr: z.number().positive().default(rest.adamerging_lr),
      max_adamerging_steps: z.int().min(0).default(rest.max_adamerging_steps),
    }).transform((parameters) => ({ ...parameters, skip_training: false }));
}
