import type { StateDict } from "../checkpoint/mod.ts";
import { type ConvNextConfig, convNextFromStateDict } from "../convnext/mod.ts";
import { batches, subset } from "../dataset/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import {
  ActivationMatching,
  type Permutations,
  permutedStateDict,
  targetTensors,
  weightMatching,
} from "../merge/mod.ts";
import { withoutLabels } from "./images_of_pool.ts";
import type { ConvNextForImageClassificationPool } from "./convnext_pool.ts";

/** How models' channels are put in one order. */
export interface AlignmentOptions {
  /** By the weights alone, or by what channels hold on training images. */
  method: "weight_matching" | "activation_matching";
  /** Sweeps of weight matching, at most. @default {100} */
  max_iterations?: number | undefined;
  /** Chooses the order within sweeps, and which images. @default {0} */
  seed?: number | undefined;
  /** Images of each task that activation matching looks at. @default {64} */
  num_examples?: number | undefined;
  /** Of those at once. @default {16} */
  batch_size?: number | undefined;
}

/** The order of channels of a pool's models, found when it is asked for. */
export class PoolAlignment {
  readonly #pool: ConvNextForImageClassificationPool;
  readonly #options: AlignmentOptions;
  readonly #permutations = new Map<string, Promise<Permutations>>();

  /** Nothing is opened. */
  constructor(
    pool: ConvNextForImageClassificationPool,
    options: AlignmentOptions,
  ) {
    this.#pool = pool;
    this.#options = options;
  }

  /**
   * A model with its channels in the reference's order.
   *
   * @param stateDict As it is; the view closes it.
   */
  async view(name: string, stateDict: StateDict): Promise<StateDict> {
    try {
      let permutations = this.#permutations.get(name);
      if (!permutations) {
        permutations = this.#align(name, stateDict);
        this.#permutations.set(name, permutations);
      }
      return permutedStateDict(stateDict, await permutations);
    } catch (error) {
      stateDict.close();
      throw error;
    }
  }

  async #align(name: string, stateDict: StateDict): Promise<Permutations> {
    const open = async (
      name: string,
      stateDict: StateDict,
    ): Promise<AlignedModel> => ({
      name,
      stateDict,
      config: await this.#pool.loadConfig(name),
    });
    const first = this.#pool.pretrainedOrFirstName;
    const reference = await this.#pool.openStateDict(first);
    try {
      return await alignModel(
        this.#pool,
        this.#options,
        await open(name, stateDict),
        await open(first, reference),
      );
    } finally {
      reference.close();
    }
  }
}

/** One of the two models. */
interface AlignedModel {
  name: string;
  config: ConvNextConfig;
  stateDict: StateDict;
}

/**
 * Finds the order of a model's channels that fits a reference's best.
 *
 * @throws {ModelPoolError} If the models are not of one architecture and size,
 * or there are no images to match activations on.
 */
async function alignModel(
  pool: ConvNextForImageClassificationPool,
  { method, max_iterations, seed, ...images }: AlignmentOptions,
  model: AlignedModel,
  reference: AlignedModel,
): Promise<Permutations> {
  const target = reference.stateDict.names.find((name) =>
    !name.startsWith("classifier.")
  )!;
  targetTensors({
    pretrained: reference.stateDict,
    models: new Map([[model.name, model.stateDict]]),
  }, [target.slice(0, target.indexOf("."))]);
  if (method === "weight_matching") {
    return await weightMatching(reference.stateDict, model.stateDict, {
      ...(max_iterations !== undefined && { maxIterations: max_iterations }),
      ...(seed !== undefined && { seed }),
    });
  }
  const { num_examples = 64, batch_size = 16 } = images;
  const tasks = pool.trainDatasetNames;
  if (tasks.length === 0) {
    throw new ModelPoolError(
      "alignment activation_matching: it looks at training images and the model pool has none, expected modelpool.train_datasets.TASK=FOLDER",
    );
  }
  const processor = await pool.loadProcessor();
  const matching = new ActivationMatching();
  const theirs = await convNextFromStateDict(
    reference.config,
    reference.stateDict,
  );
  const ours = await convNextFromStateDict(model.config, model.stateDict);
  try {
    for (const task of tasks) {
      const dataset = withoutLabels(
        subset(await pool.loadTrainDataset(task), {
          shuffle: true,
          seed: seed ?? 0,
          limit: num_examples,
        }),
      );
      for await (const { images } of batches(dataset, batch_size)) {
        const pixelValues = processor.toTensor(images);
        matching.add(theirs, ours, pixelValues);
        pixelValues.dispose();
      }
    }
    return await matching.solve();
  } finally {
    matching.dispose();
    theirs.dispose();
    ours.dispose();
  }
}

/** A sentence for reports: how models were aligned. */
export function describeAlignment(
  { method, num_examples = 64 }: AlignmentOptions,
  reference: string,
): string {
  return `channels in the order of ${reference}, by ${method}${
    method === "activation_matching"
      ? ` on at most ${num_examples} train images of each task, without labels`
      : ""
  }`;
}
