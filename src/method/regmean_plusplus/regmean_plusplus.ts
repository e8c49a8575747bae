import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../../checkpoint/mod.ts";
import {
  applyLayer,
  type LinearInput,
  type LinearInputsOptions,
  loadStateDict,
  type NamedLayer,
  namedLayers,
} from "../../convnext/mod.ts";
import {
  excludes,
  GramMatrices,
  mergedChunk,
  type MergeMethod,
  type MergePool,
  needData,
  type PoolData,
  RegressionMean,
  trainingBatches,
} from "../../merge/mod.ts";
import {
  type RegMeanParameters,
  regmeanSettings,
} from "../regmean/regmean_settings.ts";

/** Merged values of each tensor that is not excluded. */
type Facts = ReadonlyMap<string, Float32Array>;

/** Features of a batch, kept outside of the backend's memory. */
interface Features {
  values: Float32Array;
  shape: number[];
}

/**
 * RegMean++: RegMean layer by layer, each layer's inputs being what the merged
 * layers before it give, not what each expert's own do.
 *
 * https://arxiv.org/abs/2508.03121
 *
 * What is merged how is as in `regmean/regmean`; within a block an expert's own
 * weights compute the inputs of its second product. FusionBench leaves CLIP's
 * last LayerNorm as pretrained; here the last LayerNorm is averaged, as by
 * RegMean. All images' features between two layers are in memory, the widest
 * after the stem: 1.6 MB an image for a ConvNeXt-base.
 */
const regmeanPlusPlus: MergeMethod<RegMeanParameters, Facts> = {
  ...regmeanSettings,
  async prepare(pool, parameters, { targets }) {
    const data = needData(pool, "regmean_plusplus");
    const features = new Map<string, Features[]>();
    for (const task of pool.models.keys()) {
      features.set(task, await readImages(data, task, parameters));
    }
    // One model in which layer after layer is exchanged.
    const model = await data.loadModel("_pretrained_");
    const merged = new Map<string, Float32Array>();
    try {
      const groups = layerGroups(model);
      for (const [i, { path, layers }] of groups.entries()) {
        const names = [...targets.keys()].filter((name) =>
          name.startsWith(path)
        );
        const mean = new RegressionMean(parameters.reduce_non_diagonal_ratio);
        for (const [task, expert] of pool.models) {
          await loadStateDict(model, expert, path);
          const grams = gramMatrices(layers, features.get(task)!, parameters);
          for (const [name, gram] of grams) {
            await mean.add(name, gram, await expert.read(name));
          }
        }
        const excluded = parameters.exclude_param_names_regex;
        const values = await mergeLayers(pool, names, mean, excluded);
        for (const [name, data] of values) merged.set(name, data);
        await loadStateDict(
          model,
          tensorsOf(pool.pretrained!, names, merged),
          path,
        );
        if (i < groups.length - 1) {
          for (const batches of features.values()) {
            await forward(layers, batches);
          }
        }
        data.progress(i + 1, groups.length);
      }
    } finally {
      model.dispose();
    }
    return merged;
  },
  merge: (input, _, merged) =>
    mergedChunk(merged, input) ?? tf.clone(input.pretrained),
};
export default regmeanPlusPlus;

async function readImages(
  data: PoolData,
  task: string,
  { num_regmean_examples, dataloader_kwargs }: RegMeanParameters,
): Promise<Features[]> {
  const read: Features[] = [];
  const batches = trainingBatches(
    data,
    task,
    num_regmean_examples,
    dataloader_kwargs,
  );
  for await (const pixelValues of batches) {
    read.push(await download(pixelValues));
  }
  return read;
}

/** Layers that are merged at once, and what their weights' names begin with. */
interface LayerGroup {
  path: string;
  layers: NamedLayer[];
}

/** A block each, a downsampling layer each, and what is before and behind. */
function layerGroups(model: tf.LayersModel): LayerGroup[] {
  const groups: LayerGroup[] = [];
  for (const layer of namedLayers(model)) {
    const [together] =
      /^\w+\.(?:embeddings|encoder\.stages\.\d+\.downsampling_layer)\./
        .exec(layer.path) ?? [`${layer.path}.`];
    const group = groups.at(-1);
    if (group?.path === together) group.layers.push(layer);
    else groups.push({ path: together, layers: [layer] });
  }
  return groups;
}

function gramMatrices(
  layers: readonly NamedLayer[],
  batches: readonly Features[],
  { exclude_param_names_regex, include_convolutions }: RegMeanParameters,
): Map<string, tf.Tensor2D> {
  const grams = new GramMatrices();
  for (const { values, shape } of batches) {
    applyLayers(layers, tf.tensor(values, shape), ({ name, rows }) => {
      if (!excludes(exclude_param_names_regex, name)) grams.add(name, rows);
    }, { convolutions: include_convolutions }).dispose();
  }
  return grams.take();
}

/** The layers' tensors: linear maps by regression, the others averaged. */
async function mergeLayers(
  pool: MergePool,
  names: readonly string[],
  mean: RegressionMean,
  excluded: readonly string[],
): Promise<Map<string, Float32Array>> {
  const merged = mean.solve();
  for (const name of names) {
    if (merged.has(name) || excludes(excluded, name)) continue;
    let sum: Float32Array | undefined;
    for (const expert of pool.models.values()) {
      const values = await expert.read(name);
      sum = sum ? sum.map((value, i) => value + values[i]!) : values.slice();
    }
    merged.set(name, sum!.map((value) => value / pool.models.size));
  }
  return merged;
}

/** Some tensors: the merged ones, and what is excluded as pretrained. */
function tensorsOf(
  pretrained: StateDict,
  names: readonly string[],
  merged: Facts,
): StateDict {
  return {
    names,
    source: "merged",
    info: (name) => pretrained.info(name),
    read: async (name) => merged.get(name) ?? await pretrained.read(name),
    close: () => {},
  };
}

/** Replaces the features by what the layers make of them. */
async function forward(
  layers: readonly NamedLayer[],
  batches: Features[],
): Promise<void> {
  for (const [i, { values, shape }] of batches.entries()) {
    batches[i] = await download(
      applyLayers(layers, tf.tensor(values, shape), () => {}),
    );
  }
}

/** Applies layers one after the other; the features are disposed of. */
function applyLayers(
  layers: readonly NamedLayer[],
  features: tf.Tensor,
  ...how: [
    visit: (input: LinearInput) => void,
    options?: LinearInputsOptions,
  ]
): tf.Tensor {
  for (const layer of layers) {
    const next = applyLayer(layer, features, ...how);
    features.dispose();
    features = next;
  }
  return features;
}

/** Takes a tensor out of the backend's memory. */
async function download(tensor: tf.Tensor): Promise<Features> {
  const values = await tensor.data<"float32">();
  tensor.dispose();
  // Some backends give a view of memory that is used again.
  return { values: values.slice(), shape: tensor.shape };
}
