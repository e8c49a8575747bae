import type * as tf from "@tensorflow/tfjs";
import { backboneOf, ConvNextLayer } from "../convnext/mod.ts";

/** A weight of a classifier, as training sees it. */
export interface Parameter {
  /** Its Hugging Face name. */
  readonly name: string;
  /** The variable that holds it, in TensorFlow.js's layout. */
  readonly variable: tf.Variable;
  /** Which half of the model it belongs to. */
  readonly part: "backbone" | "head";
  /**
   * How deep its layer lies: 0 for the stem, 1 for the first block, … A
   * downsampling layer is as deep as the block after it; the last LayerNorm and
   * the head come after the last block.
   */
  readonly depth: number;
}

/** Every weight of a classifier, from the stem to the head. */
export function parametersOf(model: tf.LayersModel): Parameter[] {
  const backbone = backboneOf(model);
  const parameters: Parameter[] = [];
  let depth = 0;
  for (const layer of backbone.layers) {
    if (layer.weights.length === 0) continue;
    if (layer instanceof ConvNextLayer) depth++;
    const at = layer.name.startsWith("embeddings.")
      ? 0
      : layer instanceof ConvNextLayer
      ? depth
      : depth + 1;
    const named = layer instanceof ConvNextLayer
      ? Object.entries(layer.namedWeights())
      : weightAndBias(layer);
    for (const [name, variable] of named) {
      parameters.push({
        name: `${backbone.name}.${layer.name}.${name}`,
        variable: variable.read() as tf.Variable,
        part: "backbone",
        depth: at,
      });
    }
  }
  for (const [name, variable] of weightAndBias(model.getLayer("classifier"))) {
    parameters.push({
      name: `classifier.${name}`,
      variable: variable.read() as tf.Variable,
      part: "head",
      depth: depth + 1,
    });
  }
  return parameters;
}

function weightAndBias(layer: tf.layers.Layer): [string, tf.LayerVariable][] {
  return layer.weights.map((variable, i) => [
    i === 0 ? "weight" : "bias",
    variable,
  ]);
}
