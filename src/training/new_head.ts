import * as tf from "@tensorflow/tfjs";
import {
  attachHead,
  backboneOf,
  configOf,
  labelMaps,
  labelsOf,
} from "../convnext/mod.ts";
import { randomNormal, randomSequence } from "./random.ts";

/**
 * Gives a model a head for other classes; its own is kept if it has these
 * already. A new head's kernel is drawn from the seed, its bias is zero.
 *
 * @param model A classifier; it is disposed of, but for its backbone, when it
 * gets a new head.
 * @param labels Class names in order.
 * @param seed What the kernel depends on.
 */
export function withLabels(
  model: tf.LayersModel,
  labels: readonly string[],
  seed: number,
): tf.LayersModel {
  const config = configOf(model);
  const own = labelsOf(config);
  if (
    own.length === labels.length && own.every((label, i) => label === labels[i])
  ) return model;
  const changed = attachHead(backboneOf(model), {
    ...config,
    ...labelMaps(labels),
  }, { initialize: false });
  model.dispose(); // all but the backbone, which has a new head
  const [kernel] = changed.getLayer("classifier").weights;
  const shape = kernel!.shape as number[];
  const values = randomNormal(
    shape[0]! * shape[1]!,
    config.initializer_range,
    randomSequence(seed, "head"),
  );
  tf.tidy(() => {
    kernel!.write(tf.tensor(values, shape));
  });
  return changed;
}
