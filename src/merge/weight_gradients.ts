import * as tf from "@tensorflow/tfjs";
import { backboneOf, namedVariables } from "../convnext/mod.ts";

/** A loss with its gradient, downloaded. */
export interface WeightGradients {
  /** The loss. */
  readonly loss: number;
  /** The logits that it was computed from, [batch * classes]. */
  readonly logits: Float32Array;
  /** Number of classes. */
  readonly classes: number;
  /** Gradients by Hugging Face name, in Hugging Face's layout. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/**
 * The gradient of a loss of a batch's logits by weights of the model.
 *
 * @param model A classifier.
 * @param pixelValues [batch, height, width, channels].
 * @param names Hugging Face names of the weights.
 * @param lossOf Computes the loss from logits [batch, classes].
 */
export async function weightGradients(
  model: tf.LayersModel,
  pixelValues: tf.Tensor4D,
  names: readonly string[],
  lossOf: (logits: tf.Tensor2D) => tf.Scalar,
): Promise<WeightGradients> {
  const wanted = new Set(names);
  const variables = namedVariables(model).filter(({ name }) =>
    wanted.has(name)
  );
  let classes = 0;
  const { value, logits, gradients } = tf.tidy(() => {
    let logits: tf.Tensor2D | undefined;
    const { value, grads } = tf.variableGrads(() => {
      logits = tf.keep(classify(model, pixelValues));
      return lossOf(logits);
    }, variables.map(({ variable }) => variable));
    classes = logits!.shape[1];
    return {
      value,
      logits: logits!,
      gradients: variables.map(({ variable, axes }) =>
        tf.transpose(grads[variable.name]!, [...axes])
      ),
    };
  });
  const [loss, ...downloaded] = await Promise.all(
    [value, ...gradients].map((tensor) => tensor.data<"float32">()),
  );
  const result = {
    loss: loss![0]!,
    logits: await logits.data<"float32">(),
    classes,
    weights: new Map(
      variables.map(({ name }, i) => [name, downloaded[i]!] as const),
    ),
  };
  tf.dispose([value, logits, ...gradients]);
  return result;
}

/** The forward pass as in training: in operations that have gradients. */
function classify(
  model: tf.LayersModel,
  pixelValues: tf.Tensor,
): tf.Tensor2D {
  let features = pixelValues;
  for (const layer of backboneOf(model).layers) {
    if (layer.getClassName() === "InputLayer") continue;
    features = layer.apply(features) as tf.Tensor;
  }
  return model.getLayer("classifier").apply(features) as tf.Tensor2D;
}
