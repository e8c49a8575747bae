import * as tf from "@tensorflow/tfjs";
import { nativeAdam } from "../backend/mod.ts";
import type { UpdateRule } from "./update_rule.ts";

/** Options of {@linkcode adam}, named and defaulted as in PyTorch. */
export interface AdamOptions {
  /** How much of the means of gradients and squares is kept. @default {[0.9, 0.999]} */
  betas?: readonly [number, number] | undefined;
  /** Added to the root of the mean square, after its correction. @default {1e-8} */
  eps?: number | undefined;
  /** Weight decay. @default {0}, with `decoupled` 0.01 */
  weight_decay?: number | undefined;
}

/**
 * Adam and AdamW as `torch.optim` computes them.
 *
 * https://arxiv.org/abs/1412.6980, https://arxiv.org/abs/1711.05101
 *
 * @param decoupled Weights decay on their own (AdamW), not by the gradient.
 */
export function adam(
  options: AdamOptions = {},
  decoupled: boolean = false,
): UpdateRule {
  const {
    betas: [beta1, beta2] = [0.9, 0.999],
    eps = 1e-8,
    weight_decay = decoupled ? 0.01 : 0,
  } = options;
  return {
    slots: ["exp_avg", "exp_avg_sq"],
    update(point, gradient, [mean, square], step, learningRate) {
      const correction = 1 / Math.sqrt(1 - beta2 ** step);
      const length = learningRate / (1 - beta1 ** step);
      const native = nativeAdam(point, gradient, mean!, square!, {
        kept: decoupled ? 1 - learningRate * weight_decay : 1,
        decay: decoupled ? 0 : weight_decay,
        betas: [beta1, beta2],
        correction,
        epsilon: eps,
        length,
      });
      if (native) {
        return { point: native[0]!, slots: native.slice(1) };
      }
      let slope = gradient;
      let start = point;
      if (weight_decay !== 0) {
        if (decoupled) start = tf.mul(point, 1 - learningRate * weight_decay);
        else slope = tf.add(gradient, tf.mul(point, weight_decay));
      }
      const nextMean = tf.add(
        tf.mul(mean!, beta1),
        tf.mul(slope, 1 - beta1),
      );
      const nextSquare = tf.add(
        tf.mul(square!, beta2),
        tf.mul(tf.square(slope), 1 - beta2),
      );
      const divisor = tf.add(tf.mul(tf.sqrt(nextSquare), correction), eps);
      return {
        point: tf.sub(start, tf.mul(tf.div(nextMean, divisor), length)),
        slots: [nextMean, nextSquare],
      };
    },
  };
}
