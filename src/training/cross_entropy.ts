import * as tf from "@tensorflow/tfjs";

/**
 * Mean cross-entropy of a batch, as `torch.nn.CrossEntropyLoss`: with label
 * smoothing, that share of the target is spread over all classes.
 *
 * @param logits [batch, classes]; differentiable with respect to them.
 * @param labels Class of each image.
 * @param labelSmoothing 0 to 1.
 * @returns A scalar.
 */
export function crossEntropy(
  logits: tf.Tensor2D,
  labels: Int32Array,
  labelSmoothing: number = 0,
): tf.Scalar {
  const [batch, classes] = logits.shape;
  const target = new Float32Array(batch * classes).fill(
    labelSmoothing / classes,
  );
  for (const [row, label] of labels.entries()) {
    target[row * classes + label]! += 1 - labelSmoothing;
  }
  const loss = tf.customGrad((x, save) => {
    const logProbabilities = tf.logSoftmax(x as tf.Tensor2D);
    const targets = tf.tensor2d(target, [batch, classes]);
    (save as tf.GradSaveFunc)([logProbabilities, targets]);
    return {
      value: tf.mul(tf.sum(tf.mul(targets, logProbabilities)), -1 / batch),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.mul(tf.sub(tf.exp(saved[0]!), saved[1]!), tf.div(dy, batch)),
    };
  });
  return tf.tidy(() => loss(logits) as tf.Scalar);
}
