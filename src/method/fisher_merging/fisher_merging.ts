import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type DataloaderKwargs,
  dataloaderKwargs,
  excludes,
  mergedChunk,
  type MergeMethod,
  needData,
  type PoolData,
  trainingBatches,
  weightGradients,
} from "../../merge/mod.ts";

interface Parameters {
  /** Patterns of tensors that stay as pretrained. */
  exclude_param_names_regex: string[];
  /** Divides each model's Fisher information by its norm. */
  normalize_fisher_weight: boolean;
  /** Added to each weight's Fisher information. */
  minimal_fisher_weight: number;
  /** Images of each task that are looked at, in whole batches. */
  num_fisher_examples: number;
  /** How images are batched. */
  dataloader_kwargs: DataloaderKwargs;
}

/** Merged values of each tensor that is not excluded. */
type Facts = ReadonlyMap<string, Float32Array>;

/**
 * Fisher merging: the mean of the experts' weights, each weight as important as
 * its diagonal Fisher information says: the squared gradient of its expert's
 * log-probabilities on training images, expected over the classes as the expert
 * predicts them. Labels are not used.
 *
 * https://arxiv.org/abs/2111.09832
 *
 * As in FusionBench, gradients are squared after they are summed over a batch,
 * so that the batch's size counts; a tensor that is excluded stays as in
 * `_pretrained_`. Two models' worth of memory hold the sums, however many
 * experts there are.
 */
const fisherMerging: MergeMethod<Parameters, Facts> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    exclude_param_names_regex: z.array(z.string()).default([]),
    normalize_fisher_weight: z.boolean().default(true),
    minimal_fisher_weight: z.number().positive().default(1e-6),
    num_fisher_examples: z.int().min(1).default(256),
    dataloader_kwargs: dataloaderKwargs({ batch_size: 32, shuffle: false }),
  }),
  dataUse: ({ num_fisher_examples }) => ({
    split: "train",
    images: num_fisher_examples,
    purpose: "for the Fisher information of each expert",
  }),
  async prepare(pool, parameters, { targets }) {
    const data = needData(pool, "fisher_merging");
    const { exclude_param_names_regex, normalize_fisher_weight } = parameters;
    const names = [...targets.keys()].filter((name) =>
      !excludes(exclude_param_names_regex, name)
    );
    const numerators = new Map<string, Float32Array>();
    const denominators = new Map<string, Float32Array>();
    let done = 0;
    for (const [task, stateDict] of pool.models) {
      const fisher = await fisherInformation(data, task, names, parameters);
      const minimum = parameters.minimal_fisher_weight;
      // The experts' norms need not add up to 1: their sum cancels out.
      const scale = normalize_fisher_weight
        ? 1 / (norm(fisher.values()) + minimum)
        : 1;
      for (const [name, information] of fisher) {
        const weights = await stateDict.read(name);
        const above = sumFor(numerators, name, weights.length);
        const below = sumFor(denominators, name, weights.length);
        for (let i = 0; i < weights.length; i++) {
          const importance = scale * (information[i]! + minimum);
          above[i]! += importance * weights[i]!;
          below[i]! += importance;
        }
      }
      data.progress(++done, pool.models.size);
    }
    for (const [name, above] of numerators) {
      const below = denominators.get(name)!;
      for (let i = 0; i < above.length; i++) above[i]! /= below[i]!;
    }
    return numerators;
  },
  merge: (input, _, merged) =>
    mergedChunk(merged, input) ?? tf.clone(input.pretrained),
};
export default fisherMerging;

/** Each weight's mean squared gradient, in Hugging Face's layout. */
async function fisherInformation(
  data: PoolData,
  task: string,
  names: readonly string[],
  { num_fisher_examples, dataloader_kwargs }: Parameters,
): Promise<Map<string, Float32Array>> {
  const model = await data.loadModel(task);
  const sums = new Map<string, Float32Array>();
  let seen = 0;
  try {
    const batches = trainingBatches(
      data,
      task,
      num_fisher_examples,
      dataloader_kwargs,
    );
    for await (const pixelValues of batches) {
      const gradients = await weightGradients(
        model,
        pixelValues,
        names,
        expectedLogProbability,
      );
      for (const [name, gradient] of gradients.weights) {
        const sum = sumFor(sums, name, gradient.length);
        for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]! ** 2;
      }
      seen += pixelValues.shape[0];
      pixelValues.dispose();
    }
  } finally {
    model.dispose();
  }
  for (const sum of sums.values()) {
    for (let i = 0; i < sum.length; i++) sum[i]! /= seen;
  }
  return sums;
}

/** Its gradient's square is the expectation over classes, cross terms aside. */
function expectedLogProbability(logits: tf.Tensor2D): tf.Scalar {
  const chances = tf.customGrad((x) => ({
    value: tf.sqrt(tf.softmax(x as tf.Tensor2D)),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }));
  return tf.sum(tf.mul(chances(logits), tf.logSoftmax(logits)));
}

function sumFor(
  sums: Map<string, Float32Array>,
  name: string,
  length: number,
): Float32Array {
  const sum = sums.get(name) ?? new Float32Array(length);
  sums.set(name, sum);
  return sum;
}

function norm(tensors: Iterable<Float32Array>): number {
  let squares = 0;
  for (const tensor of tensors) {
    for (const value of tensor) squares += value * value;
  }
  return Math.sqrt(squares);
}
