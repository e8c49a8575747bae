import * as tf from "@tensorflow/tfjs";
import type { UpdateRule } from "./update_rule.ts";

/** Options of {@linkcode sgd}, named and defaulted as in PyTorch. */
export interface SgdOptions {
  /** How much of the velocity is kept. @default {0} */
  momentum?: number | undefined;
  /** How little of the gradient enters the velocity. @default {0} */
  dampening?: number | undefined;
  /** Looks ahead by one step of the velocity. @default {false} */
  nesterov?: boolean | undefined;
  /** Share of the weights that is added to the gradient. @default {0} */
  weight_decay?: number | undefined;
}

/**
 * Stochastic gradient descent as `torch.optim.SGD` computes it: the velocity
 * begins as the first gradient, and the learning rate is not part of it.
 */
export function sgd(
  { momentum = 0, dampening = 0, nesterov = false, weight_decay = 0 }:
    SgdOptions = {},
): UpdateRule {
  return {
    slots: momentum === 0 ? [] : ["momentum_buffer"],
    update(point, gradient, [velocity], step, learningRate) {
      const slope = weight_decay === 0
        ? gradient
        : tf.add(gradient, tf.mul(point, weight_decay));
      if (!velocity) {
        return { point: tf.sub(point, tf.mul(slope, learningRate)), slots: [] };
      }
      const next = step === 1 ? tf.clone(slope) : tf.add(
        tf.mul(velocity, momentum),
        dampening === 0 ? slope : tf.mul(slope, 1 - dampening),
      );
      const direction = nesterov ? tf.add(slope, tf.mul(next, momentum)) : next;
      return {
        point: tf.sub(point, tf.mul(direction, learningRate)),
        slots: [next],
      };
    },
  };
}
