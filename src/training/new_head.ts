import * as tf from "@tensorflow/tfjs";
import {
  attachHead,
  backboneOf,
  configOf,
  labelMaps,
  labelsOf,
} from "../convnext/mod.ts";
import { TorchGenerator } from "../torch_generator.ts";

/**
 * Gives a model a head for other classes; its own is kept if it has these
 * already. A new head's kernel is drawn as by `torch.nn.init.normal_` with a
 * generator of this seed, its bias is zero.
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
  const [features, classes] = kernel!.shape as [number, number];
  const values = new TorchGenerator(seed).normal(
    features * classes,
    config.initializer_range,
  );
  tf.tidy(() => {
    kernel!.write(tf.transpose(tf.tensor(values, [classes, features])));
  });
  return changed;
}
