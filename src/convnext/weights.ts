import * as tf from "@tensorflow/tfjs";
import { checkRange, elementCount, type StateDict } from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { ConvNextLayer } from "./convnext_layer.ts";
import { checkTensors } from "./expected_shapes.ts";
import { configOf } from "./metadata.ts";
import { backboneOf } from "./model.ts";
import { axesToHuggingFace } from "./tensorflow_layout.ts";
import { WeightEnsemblingLayer } from "./weight_ensembling_layer.ts";

/** One weight of a model under its Hugging Face name. */
interface NamedWeight {
  name: string;
  variable: tf.LayerVariable;
  /** Axes of the TensorFlow.js tensor in Hugging Face's order. */
  axes: readonly number[];
  /** Shape in Hugging Face's layout. */
  shape: number[];
}

function namedWeight(name: string, variable: tf.LayerVariable): NamedWeight {
  const shape = variable.shape as number[];
  const axes = axesToHuggingFace(name, shape.length);
  return { name, variable, axes, shape: axes.map((axis) => shape[axis]!) };
}

function weightsOfLayer(prefix: string, layer: tf.layers.Layer): NamedWeight[] {
  if (
    layer instanceof ConvNextLayer || layer instanceof WeightEnsemblingLayer
  ) {
    return Object.entries(layer.namedWeights()).map(([name, variable]) =>
      namedWeight(`${prefix}.${name}`, variable)
    );
  }
  return layer.weights.map((variable, i) =>
    namedWeight(`${prefix}.${i === 0 ? "weight" : "bias"}`, variable)
  );
}

/** Every weight of a classifier, in the order in which transformers saves. */
function weightsOf(model: tf.LayersModel): NamedWeight[] {
  const backbone = backboneOf(model);
  const weights = [
    ...backbone.layers.flatMap((layer) =>
      weightsOfLayer(`${backbone.name}.${layer.name}`, layer)
    ),
    ...weightsOfLayer("classifier", model.getLayer("classifier")),
  ];
  return weights.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** A weight's variable under its Hugging Face name. */
export interface NamedVariable {
  /** Its Hugging Face name. */
  readonly name: string;
  /** What holds it, in TensorFlow.js's layout. */
  readonly variable: tf.Variable;
  /** `tf.transpose(variable, axes)` has Hugging Face's layout. */
  readonly axes: readonly number[];
}

/** A classifier's variables, for whoever needs their gradients. */
export function namedVariables(model: tf.LayersModel): NamedVariable[] {
  return weightsOf(model).map(({ name, variable, axes }) => ({
    name,
    variable: variable.read() as tf.Variable,
    axes,
  }));
}

/** Names and shapes, in Hugging Face's layout, of a classifier's weights. */
export function weightShapes(
  model: tf.LayersModel,
): Map<string, readonly number[]> {
  return new Map(weightsOf(model).map(({ name, shape }) => [name, shape]));
}

/**
 * Loads a Hugging Face state dict into a classifier.
 *
 * @param prefix Only weights whose name starts so: `"convnext."` loads a
 * backbone, `"classifier."` a head. Default: all.
 * @throws {CheckpointError} If a tensor is missing, of another shape, or of a
 * layer that the model does not have; the message names it, and nothing has been loaded.
 */
export async function loadStateDict(
  model: tf.LayersModel,
  stateDict: StateDict,
  prefix = "",
): Promise<void> {
  const weights = weightsOf(model).filter(({ name }) =>
    name.startsWith(prefix)
  );
  const shapes = new Map(weights.map(({ name, shape }) => [name, shape]));
  checkTensors(stateDict, shapes, configOf(model), prefix);
  for (const { name, variable, axes, shape } of weights) {
    const values = await stateDict.read(name);
    tf.tidy(() => {
      const inverse = axes.map((_, axis) => axes.indexOf(axis));
      variable.write(tf.transpose(tf.tensor(values, shape), inverse));
    });
  }
}

/**
 * A classifier's weights as a state dict in Hugging Face's names, layouts and
 * shapes. It is a view: weights changed later are read as they are then.
 */
export function stateDictOf(model: tf.LayersModel): StateDict {
  const weights = new Map(weightsOf(model).map((w) => [w.name, w]));
  const source = `model ${model.name}`;
  const get = (name: string): NamedWeight => {
    const weight = weights.get(name);
    if (weight) return weight;
    throw new CheckpointError(`${source}: no tensor ${name}`);
  };
  // Reading chunk after chunk would transpose and download the tensor for
  // each; the last one read is kept while its variable is unchanged.
  let last: { dataId: tf.DataId; data: Promise<Float32Array> } | undefined;
  const values = (name: string): Promise<Float32Array> => {
    const { variable, axes } = get(name);
    const value = variable.read();
    if (last?.dataId !== value.dataId) {
      const transposed = tf.transpose(value, [...axes]);
      const data = transposed.data().finally(() => transposed.dispose());
      last = {
        dataId: value.dataId,
        data: data as Promise<Float32Array>,
      };
    }
    return last.data;
  };
  return {
    names: [...weights.keys()],
    source,
    info: (name) => ({ dtype: "F32", shape: get(name).shape }),
    async read(name, begin = 0, end = elementCount(get(name).shape)) {
      checkRange(source, name, get(name).shape, begin, end);
      return (await values(name)).slice(begin, end);
    },
    close: () => last = undefined,
  };
}
