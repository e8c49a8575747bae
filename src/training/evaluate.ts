import * as tf from "@tensorflow/tfjs";
import type { Examples } from "./examples.ts";
import { logitsOf } from "./gradients.ts";

/** How a model does on a validation set. */
export interface Validation {
  /** Share of images whose largest logit is the label's. */
  accuracy: number;
  /** Mean cross-entropy, without label smoothing. */
  loss: number;
}

/**
 * Evaluates a model on a data set.
 *
 * @param model A classifier.
 * @param examples The images; they are not augmented.
 * @param batchSize How many at a time.
 */
export async function evaluateExamples(
  model: tf.LayersModel,
  examples: Examples,
  batchSize: number,
): Promise<Validation> {
  let correct = 0;
  let loss = 0;
  for (let begin = 0; begin < examples.length; begin += batchSize) {
    const length = Math.min(batchSize, examples.length - begin);
    const positions = Array.from({ length }, (_, i) => begin + i);
    const { pixelValues, labels } = (await examples.read(positions))();
    const { hits, losses } = tf.tidy(() => {
      const logits = logitsOf(model, pixelValues);
      const classes = logits.shape[1];
      const targets = tf.oneHot(tf.tensor1d(labels, "int32"), classes);
      return {
        hits: tf.sum(
          tf.cast(
            tf.equal(tf.argMax(logits, 1), tf.argMax(targets, 1)),
            "float32",
          ),
        ),
        losses: tf.neg(
          tf.sum(tf.mul(tf.cast(targets, "float32"), tf.logSoftmax(logits))),
        ),
      };
    });
    correct += (await hits.data())[0]!;
    loss += (await losses.data())[0]!;
    tf.dispose([pixelValues, hits, losses]);
  }
  return { accuracy: correct / examples.length, loss: loss / examples.length };
}
