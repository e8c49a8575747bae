import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeInput,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  svd,
  transposedTimes,
} from "../../merge/mod.ts";

type Values = Record<string, unknown>;

/** Parameters of {@linkcode calibrated} methods. */
export interface CalibrationParameters {
  /** Least coefficient that a task counts with: higher calibrates less. */
  alpha: NumberParameter;
  /** Ignored: the backend's device is used. */
  accelerator: null;
  /** The wrapped method's parameters. */
  base_method: Values;
}

/**
 * Singular value calibration (SVC) around another method: its merged matrix's
 * singular values are lowered where tasks add up. In each left singular
 * direction, the merged response is projected onto each task's; the mean of
 * these coefficients (none below `alpha`) divides the singular value. Tensors
 * that are not matrices stay as the other method made them.
 *
 * https://arxiv.org/abs/2602.05536
 *
 * FusionBench decomposes in float64; here the backend's SVD does it.
 *
 * @param base The method that merges; may see elements or tensors.
 * @param alpha Default of `alpha`.
 * @param defaults Defaults of the base method's parameters, as in FusionBench's
 * preset of this pair.
 */
export function calibrated(
  base: MergeMethod<never, never>,
  alpha: number,
  defaults: Readonly<Values> = {},
): MergeMethod<CalibrationParameters> {
  const inner = base as unknown as MergeMethod<Values>;
  const baseMethod = z.record(z.string(), z.unknown()).default({})
    // A preset names the class beside its parameters, as FusionBench's do.
    .transform(({ _target_: _, ...given }) => ({ ...defaults, ...given }))
    .pipe(inner.parameters as z.ZodType<Values, Values>);
  return {
    granularity: "tensor",
    pretrained: "needed",
    readsValues: true,
    ...(inner.minimumModels && { minimumModels: inner.minimumModels }),
    parameters: z.strictObject({
      alpha: numberParameter().default(alpha),
      accelerator: z.null().default(null),
      base_method: baseMethod,
    }) as unknown as z.ZodType<CalibrationParameters>,
    check: ({ base_method }, names) => inner.check?.(base_method, names),
    prepare: (pool, { base_method }, context) =>
      inner.prepare?.(pool, base_method, context) ?? Promise.resolve(undefined),
    merge(input, parameters, facts) {
      const merged = mergeWith(inner, input, parameters.base_method, facts);
      return input.shape.length === 2
        ? calibrate(
          input,
          merged as tf.Tensor2D,
          input.modelNames.map((name) => input.number(parameters.alpha, name)),
        )
        : merged;
    },
  };
}

/** What the base method makes of a whole tensor. */
function mergeWith(
  method: MergeMethod<Values>,
  input: MergeInput,
  parameters: Values,
  facts: unknown,
): tf.Tensor {
  if (method.granularity === "tensor") {
    return method.merge(input, parameters, facts);
  }
  const flat = (tensor: tf.Tensor): tf.Tensor => tf.reshape(tensor, [-1]);
  const merged = method.merge(
    {
      ...input,
      pretrained: flat(input.pretrained),
      models: input.models.map(flat),
    },
    parameters,
    facts,
  );
  return tf.reshape(merged, input.shape as number[]);
}

function calibrate(
  { pretrained, models }: MergeInput,
  merged: tf.Tensor2D,
  alphas: readonly number[],
): tf.Tensor {
  const delta = tf.sub(merged, pretrained) as tf.Tensor2D;
  const { u } = svd(delta);
  const response = transposedTimes(u, delta); // one row a direction
  const coefficients = models.map((model, i) => {
    const own = transposedTimes(u, tf.sub(model, pretrained) as tf.Tensor2D);
    const along = tf.sum(tf.mul(response, own), 1, true);
    const square = tf.maximum(tf.sum(tf.square(own), 1, true), 1e-12);
    return tf.maximum(tf.div(along, square), alphas[i]!);
  });
  const factors = tf.div(models.length, tf.addN(coefficients));
  // u diag(factors) uᵀ delta, as uᵀ delta = diag(s) vᵀ
  return tf.add(pretrained, tf.matMul(u, tf.mul(response, factors)));
}
