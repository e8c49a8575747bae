import * as tf from "@tensorflow/tfjs";
import {
  backboneOf,
  ConvNextLayer,
  ConvNextLayerNorm,
} from "../convnext/mod.ts";
import { hasTrainingBlock, trainingBlock } from "./block.ts";
import { crossEntropy } from "./cross_entropy.ts";
import { trainingLayerNorm } from "./layer_norm.ts";
import { trainingPatchLayer } from "./patches.ts";
import type { Parameter } from "./parameters.ts";

/**
 * The pooled features of a backbone, layer by layer: a nested LayersModel does
 * not tell its layers that they are being trained (stochastic depth needs it).
 */
function features(
  model: tf.LayersModel,
  pixelValues: tf.Tensor,
  training: boolean,
): tf.Tensor {
  let values = pixelValues;
  for (const layer of backboneOf(model).layers) {
    if (layer.getClassName() === "InputLayer") continue;
    values = training
      ? trainingLayer(layer, values, pixelValues)
      : layer.apply(values) as tf.Tensor;
  }
  return values;
}

/** A layer's output, by the way whose gradient is the quickest. */
function trainingLayer(
  layer: tf.layers.Layer,
  values: tf.Tensor,
  pixelValues: tf.Tensor,
): tf.Tensor {
  if (layer instanceof ConvNextLayer && hasTrainingBlock(layer)) {
    return trainingBlock(layer, values as tf.Tensor4D);
  }
  if (layer instanceof ConvNextLayerNorm) {
    return trainingLayerNorm(layer, values);
  }
  if (layer.getClassName() === "Conv2D") {
    const value = trainingPatchLayer(
      layer,
      values as tf.Tensor4D,
      values === pixelValues,
    );
    if (value) return value;
  }
  return layer.apply(values, { training: true }) as tf.Tensor;
}

/** A batch, ready for the model. */
export interface TrainingBatch {
  /** [batch, height, width, channels]. */
  readonly pixelValues: tf.Tensor4D;
  /** Class of each image. */
  readonly labels: Int32Array;
}

/** A batch's loss, and its gradient by the name of each variable. */
export interface LossAndGradients {
  /** The mean over the batch, a scalar. */
  loss: tf.Scalar;
  /** Gradients of the parameters that were asked for. */
  gradients: Record<string, tf.Tensor>;
}

/**
 * The loss of a batch and its gradient.
 *
 * @param model A classifier.
 * @param parameters With respect to what; the rest is held fixed, and no time
 * is spent on the backbone's gradients where only the head has any.
 * @param batch Images and labels.
 * @param labelSmoothing As of {@linkcode crossEntropy}.
 */
export function lossAndGradients(
  model: tf.LayersModel,
  parameters: readonly Parameter[],
  { pixelValues, labels }: TrainingBatch,
  labelSmoothing: number = 0,
): LossAndGradients {
  const classifier = model.getLayer("classifier");
  const lossOf = (pooled: tf.Tensor): tf.Scalar =>
    crossEntropy(
      classifier.apply(pooled) as tf.Tensor2D,
      labels,
      labelSmoothing,
    );
  return tf.tidy(() => {
    const variables = parameters.map(({ variable }) => variable);
    const headOnly = parameters.every(({ part }) => part === "head");
    const pooled = headOnly ? features(model, pixelValues, false) : undefined;
    const { value, grads } = tf.variableGrads(
      () => lossOf(pooled ?? features(model, pixelValues, true)),
      variables,
    );
    return { loss: value, gradients: grads as Record<string, tf.Tensor> };
  });
}

/** Logits of a batch, [batch, classes], as evaluation computes them. */
export function logitsOf(
  model: tf.LayersModel,
  pixelValues: tf.Tensor4D,
): tf.Tensor2D {
  return tf.tidy(() => model.apply(pixelValues) as tf.Tensor2D);
}

/**
 * Shortens gradients whose common norm is above a limit, as
 * `torch.nn.utils.clip_grad_norm_`.
 *
 * @param gradients Any number of tensors; not disposed of.
 * @param limit The largest norm; none where it is undefined.
 * @returns The gradients, and the norm before.
 */
export function clipByGlobalNorm(
  gradients: readonly tf.Tensor[],
  limit: number | undefined,
): { gradients: tf.Tensor[]; norm: tf.Scalar } {
  return tf.tidy(() => {
    const norm = tf.sqrt(
      tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))),
    ) as tf.Scalar;
    if (limit === undefined) {
      return { gradients: gradients.map((tensor) => tf.clone(tensor)), norm };
    }
    const factor = tf.minimum(tf.div(limit, tf.add(norm, 1e-6)), 1);
    return { gradients: gradients.map((g) => tf.mul(g, factor)), norm };
  });
}
