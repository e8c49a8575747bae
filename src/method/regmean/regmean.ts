import * as tf from "@tensorflow/tfjs";
import { linearInputs } from "../../convnext/mod.ts";
import {
  excludes,
  GramMatrices,
  mergedChunk,
  type MergeMethod,
  needData,
  type PoolData,
  RegressionMean,
  trainingBatches,
} from "../../merge/mod.ts";
import { type RegMeanParameters, regmeanSettings } from "./regmean_settings.ts";

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
const regmean: MergeMethod<RegMeanParameters, Facts> = {
  ...regmeanSettings,
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
  merge(input, { exclude_param_names_regex }, merged) {
    const { name, pretrained, models } = input;
    if (excludes(exclude_param_names_regex, name)) return tf.clone(pretrained);
    return mergedChunk(merged, input) ??
      tf.div(tf.addN([...models]), models.length);
  },
};
export default regmean;

/** The mean over all rows of each linear map's inputs, [in, in]. */
async function gramMatrices(
  data: PoolData,
  task: string,
  parameters: RegMeanParameters,
): Promise<Map<string, tf.Tensor2D>> {
  const { exclude_param_names_regex, include_convolutions } = parameters;
  const model = await data.loadModel(task);
  const grams = new GramMatrices();
  try {
    const batches = trainingBatches(
      data,
      task,
      parameters.num_regmean_examples,
      parameters.dataloader_kwargs,
    );
    for await (const pixelValues of batches) {
      linearInputs(model, pixelValues, ({ name, rows }) => {
        if (!excludes(exclude_param_names_regex, name)) grams.add(name, rows);
      }, { convolutions: include_convolutions }).dispose();
      pixelValues.dispose();
    }
    return grams.take();
  } finally {
    grams.dispose();
    model.dispose();
  }
}
