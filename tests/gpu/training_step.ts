import * as tf from "@tensorflow/tfjs";
import { loadConvNext } from "../../src/convnext/mod.ts";
import { dataPath } from "../reference.ts";

/**
 * One step of gradient descent on the active backend.
 *
 * @param folder A model with four classes.
 * @returns The loss before and after.
 */
export async function trainingStep(folder: string): Promise<number[]> {
  const model = await loadConvNext(dataPath(folder));
  const values = Float32Array.from(
    { length: 4 * 32 * 32 * 3 },
    (_, i) => Math.sin(i * 0.37) + (i % 7) / 7,
  );
  const pixels = tf.tensor4d(values, [4, 32, 32, 3]);
  const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3], "int32"), 4);
  const optimizer = tf.train.sgd(0.01);
  const losses: number[] = [];
  for (let step = 0; step < 2; step++) {
    const loss = optimizer.minimize(
      () =>
        tf.losses.softmaxCrossEntropy(labels, model.apply(pixels) as tf.Tensor),
      true,
    )!;
    losses.push((await loss.data())[0]!);
    loss.dispose();
  }
  tf.dispose([pixels, labels]);
  model.dispose();
  return losses;
}
