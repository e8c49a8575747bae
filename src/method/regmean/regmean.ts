import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { linearInputs } from "../../convnext/mod.ts";
import {
  type DataloaderKwargs,
  dataloaderKwargs,
  excludes,
  GramMatrices,
  type MergeMethod,
  needData,
  type PoolData,
  RegressionMean,
} from "../../merge/mod.ts";

interface Parameters {
  /** Images of each task that are looked at, in whole batches. */
  num_regmean_examples: number;
  /** Patterns of tensors that stay as pretrained. */
  exclude_param_names_regex: string[];
  /** What the Gram matrices' elements off the diagonal are multiplied with. */
  reduce_non_diagonal_ratio: number;
  /** Always: weights are [out, in]. */
  weight_transpose: true;
  /** Merges patch convolutions in this way too. */
  include_convolutions: boolean;
  /** How images are batched. */
  dataloader_kwargs: DataloaderKwargs;
}

/** Merged values of each linear map's weight. */
type Facts = ReadonlyMap<string, Float32Array>;

/**
 * RegMean: each linear map becomes the one whose outputs are closest, in least
 * squares, to those that the experts' give on their own training images. For
 * that it needs the Gram matrices of the maps' inputs only.
 *
 * https://arxiv.org/abs/2212.09849
 *
 * Linear maps are the blocks' pointwise products and, by their unfolded
 * patches, the stem's and the downsampling layers' convolutions (which
 * FusionBench averages: `include_convolutions=false`). The depthwise
 * convolutions, LayerNorms, biases and layer scales are averaged. As in
 * FusionBench a tensor that is excluded stays as in `_pretrained_`. Gram
 * matrices are added up as they come, so that memory does not grow with the
 * number of experts.
 */
const regmean: MergeMethod<Parameters, Facts> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    num_regmean_examples: z.int().min(1).default(256),
    exclude_param_names_regex: z.array(z.string()).default([]),
    reduce_non_diagonal_ratio: z.number().min(0).max(1).default(0.95),
    weight_transpose: z.literal(true).default(true),
    include_convolutions: z.boolean().default(true),
    dataloader_kwargs: dataloaderKwargs({ batch_size: 32, shuffle: true }),
  }),
  dataUse: ({ num_regmean_examples }) => ({
    split: "train",
    images: num_regmean_examples,
    purpose: "for the Gram matrices of each linear map's inputs",
  }),
  async prepare(pool, parameters) {
    const data = needData(pool, "regmean");
    const mean = new RegressionMean(parameters.reduce_non_diagonal_ratio);
    let done = 0;
    for (const [task, stateDict] of pool.models) {
      const grams = await gramMatrices(data, task, parameters);
      for (const [name, gram] of grams) {
        await mean.add(name, gram, await stateDict.read(name));
      }
      data.progress(++done, pool.models.size);
    }
    return mean.solve();
  },
  merge(
    { name, begin, pretrained, models },
    { exclude_param_names_regex },
    merged,
  ) {
    if (excludes(exclude_param_names_regex, name)) return tf.clone(pretrained);
    const values = merged.get(name);
    return values
      ? tf.tensor1d(values.slice(begin, begin + pretrained.size))
      : tf.div(tf.addN([...models]), models.length);
  },
};
export default regmean;

/** The mean over all rows of each linear map's inputs, [in, in]. */
async function gramMatrices(
  data: PoolData,
  task: string,
  parameters: Parameters,
): Promise<Map<string, tf.Tensor2D>> {
  const { batch_size, shuffle, seed } = parameters.dataloader_kwargs;
  const { exclude_param_names_regex, include_convolutions } = parameters;
  const model = await data.loadModel(task);
  const grams = new GramMatrices();
  let seen = 0;
  try {
    const batches = data.batches(task, {
      split: "train",
      batchSize: batch_size,
      shuffle,
      seed,
    });
    for await (const pixelValues of batches) {
      linearInputs(model, pixelValues, ({ name, rows }) => {
        if (!excludes(exclude_param_names_regex, name)) grams.add(name, rows);
      }, { convolutions: include_convolutions }).dispose();
      seen += pixelValues.shape[0];
      pixelValues.dispose();
      if (seen >= parameters.num_regmean_examples) break;
    }
    return grams.take();
  } finally {
    grams.dispose();
    model.dispose();
  }
}
