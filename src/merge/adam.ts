import * as tf from "@tensorflow/tfjs";

/** How {@linkcode minimize} steps. */
export interface AdamOptions {
  /** Step length. */
  learningRate: number;
  /** Number of steps. */
  steps: number;
}

/**
 * Adam as `torch.optim.Adam` computes it (betas 0.9 and 0.999, epsilon 1e-8
 * added after the bias correction), started at zero.
 *
 * TensorFlow.js's own Adam adds its epsilon before the correction, which gives
 * other numbers while gradients are small.
 *
 * https://arxiv.org/abs/1412.6980
 *
 * @param shape Of what is optimised.
 * @param gradient The loss's gradient at a point; runs inside `tf.tidy`.
 * @returns The point after the last step.
 */
export function minimize(
  shape: readonly number[],
  gradient: (point: tf.Tensor) => tf.Tensor,
  { learningRate, steps }: AdamOptions,
): tf.Tensor {
  const zeros = (): tf.Tensor => tf.zeros(shape as number[]);
  let state = [zeros(), zeros(), zeros()] as [tf.Tensor, tf.Tensor, tf.Tensor];
  for (let step = 1; step <= steps; step++) {
    const next = tf.tidy(() => {
      const [point, mean, square] = state;
      const slope = gradient(point);
      const nextMean = tf.add(tf.mul(mean, 0.9), tf.mul(slope, 1 - 0.9));
      const nextSquare = tf.add(
        tf.mul(square, 0.999),
        tf.mul(tf.square(slope), 1 - 0.999),
      );
      const correction = 1 / Math.sqrt(1 - 0.999 ** step);
      const divisor = tf.add(tf.mul(tf.sqrt(nextSquare), correction), 1e-8);
      const length = learningRate / (1 - 0.9 ** step);
      return [
        tf.sub(point, tf.mul(tf.div(nextMean, divisor), length)),
        nextMean,
        nextSquare,
      ] as [tf.Tensor, tf.Tensor, tf.Tensor];
    });
    tf.dispose(state);
    state = next;
  }
  const [point, ...rest] = state;
  tf.dispose(rest);
  return point;
}
