import { type MergePool, needData } from "../../merge/mod.ts";
import { merged } from "../adamerging/adaptation.ts";
import {
  adamStep,
  clamped,
  coefficientGradients,
  weightedSum,
} from "../adamerging/coefficients.ts";
import { EarlyStopping } from "../adamerging/early_stopping.ts";
import type { MergingWeights } from "../adamerging/merging_weights.ts";
import type { TestTimeModel } from "../adamerging/test_time_model.ts";
import type { ConcreteParameters } from "./concrete.ts";
import {
  logitGradient,
  type Mask,
  type Sample,
  sampleMask,
} from "./concrete_mask.ts";

/** How a mask is learnt. */
export interface LearnMaskOptions extends ConcreteParameters {
  /** Merging weights take a step of their own before each of the mask. */
  adaptsWeights: boolean;
  /** The mask that a merged model would have. */
  masksOf: (logits: Mask) => Mask;
}

/**
 * Learns a mask's logits: steps against the entropy of predictions, each with a
 * mask drawn anew.
 *
 * @param initial Merging weights.
 * @param logits Where they begin; changed in place.
 * @returns Where they end, or where they were best on validation images.
 */
export async function learnMask(
  pool: MergePool,
  model: TestTimeModel,
  initial: MergingWeights,
  logits: Mask,
  options: LearnMaskOptions,
): Promise<Mask> {
  const { temperature, clamp_weights, early_stopping, max_steps } = options;
  const data = needData(pool, "concrete_subspace");
  const stepMask = maskStep(logits, options);
  const stepWeights = adamStep(initial.merge_weight, options.base_lr);
  const stopping = new EarlyStopping<Mask>(
    data,
    early_stopping,
    "early_stopping_of_mask",
  );
  let weights = initial;
  for (let i = 0; i <= max_steps; i++) {
    const isLast = i === max_steps;
    if (isLast && early_stopping === null) break;
    if (stopping.isDue(i, isLast)) {
      await model.load(merged(weights, options.masksOf(logits)));
      if (await stopping.look(i, model.model, logits) || isLast) break;
    }
    const samples = new Map<string, Sample>();
    const masks: Mask = new Map();
    for (const [name, values] of logits) {
      const sample = sampleMask(name, values, {
        type: "continuous",
        temperature,
        seed: options.seed ?? 0,
        draw: `step ${i}`,
      });
      samples.set(name, sample);
      masks.set(name, sample.mask);
    }
    if (options.adaptsWeights) {
      await model.load(merged(clamped(weights, clamp_weights), masks));
      const { gradients } = await model.entropyGradients();
      const slopes = coefficientGradients(
        initial, // as for PyTorch, which has set them back by now
        model.tensors,
        gradients,
        clamp_weights,
        masks,
      );
      weights = structuredClone(initial);
      stepWeights(weights.merge_weight, slopes);
    }
    const used = clamped(weights, clamp_weights);
    await model.load(merged(used, masks));
    const { gradients } = await model.entropyGradients();
    const slopes = new Map<string, Float32Array>();
    for (const [name, gradient] of gradients) {
      const sum = weightedSum(used, name, model.tensors.get(name)!);
      for (let j = 0; j < sum.length; j++) sum[j]! *= gradient[j]!;
      slopes.set(name, logitGradient(samples.get(name)!, sum, temperature));
    }
    stepMask(slopes, i);
    data.progress(i + 1, max_steps);
  }
  return stopping.best() ?? logits;
}

/** A function that takes a step in place. */
function maskStep(
  logits: Mask,
  { optimizer, lr, max_steps }: LearnMaskOptions,
): (slopes: Mask, step: number) => void {
  if (optimizer === "adam") {
    const rows = [...logits.values()];
    const step = adamStep(rows, lr);
    return (slopes) =>
      step(rows, Array.from(logits.keys(), (name) => slopes.get(name)!));
  }
  return (slopes, i) => {
    // CosineAnnealingLR with an eta_min of 0.1, as in FusionBench.
    const rate = 0.1 +
      (lr - 0.1) * (1 + Math.cos(Math.PI * i / max_steps)) / 2;
    for (const [name, values] of logits) {
      const slope = slopes.get(name)!;
      for (let j = 0; j < values.length; j++) values[j]! -= rate * slope[j]!;
    }
  };
}
