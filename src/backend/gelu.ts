import * as tf from "@tensorflow/tfjs";

/** The exact GELU's value: x Φ(x), Φ the normal distribution function. */
function forward(x: tf.Tensor): tf.Tensor {
  const phi = tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5);
  return tf.mul(x, phi);
}

/** Its derivative: Φ(x) + x φ(x), φ the normal density. */
function derivative(x: tf.Tensor): tf.Tensor {
  const phi = tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5);
  const density = tf.mul(
    tf.exp(tf.mul(tf.square(x), -0.5)),
    1 / Math.sqrt(2 * Math.PI),
  );
  return tf.add(phi, tf.mul(x, density));
}

const differentiable = tf.customGrad((x, save) => {
  const input = x as tf.Tensor;
  (save as tf.GradSaveFunc)([input]);
  return {
    value: forward(input),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.tidy(() => tf.mul(dy, derivative(saved[0]!))),
  };
});

/**
 * The exact (erf, not tanh) Gaussian error linear unit, as PyTorch's
 * `nn.GELU()`. https://arxiv.org/abs/1606.08415
 *
 * @param x Any shape, float32.
 * @returns The shape of `x`; differentiable.
 */
export function gelu<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => differentiable(x) as T);
}
