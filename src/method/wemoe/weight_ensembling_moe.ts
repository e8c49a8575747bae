import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  memoryStateDict,
  openCheckpoint,
  saveTensors,
  type StateDict,
} from "../../checkpoint/mod.ts";
import {
  isProductTensor,
  MultiTaskModel,
  WeightEnsembling,
} from "../../convnext/mod.ts";
import { type MergeMethod, type MergePool, needData } from "../../merge/mod.ts";
import { merged } from "../adamerging/adaptation.ts";
import {
  type EarlyStoppingOptions,
  earlyStoppingSchema,
} from "../adamerging/early_stopping.ts";
import { TestTimeModel } from "../adamerging/test_time_model.ts";
import { initialRouters, learnRouters } from "./learn_routers.ts";

/** Parameters, named and defaulted as in FusionBench. */
export interface WeightEnsemblingParameters {
  /** Safetensors file of learnt routers: nothing is learnt then. */
  checkpoint: string | false;
  /** Safetensors file that learnt routers are written to. */
  save_checkpoint: string | false;
  /** Products of a router, 0 to 2. */
  router_hidden_layers: number;
  /** What merges all but the products, and what routers begin with. */
  init_lambda: number;
  /** Routes a batch as a whole while routers learn. */
  batch_reduce: boolean;
  /** Length of Adam's steps. */
  lr: number;
  /** Adam, as PyTorch's. */
  optimizer: "adam";
  /** Of FusionBench; nothing here. */
  devices: number;
  /** Images of each task a step. */
  batch_size: number;
  /** Of FusionBench; nothing here. */
  num_workers: number;
  /** Steps. */
  max_steps: number;
  /** Of FusionBench; nothing here: tasks are always one after the other. */
  use_grad_accumulate: boolean;
  /** Of FusionBench, for CLIP's heads; nothing here. */
  cache_dir: string | null;
  /** Takes one step only. */
  fast_dev_run: boolean;
  /** Takes images in a random order. */
  shuffle: boolean;
  /** Chooses that order and what routers begin with; `null` is 0. */
  seed: number | null;
  /** Stops when accuracy on validation images no longer rises. */
  early_stopping: EarlyStoppingOptions | null;
}

const path = z.union([z.string().min(1), z.literal(false)]).default(false);

/**
 * Weight-ensembling mixture of experts: task arithmetic for all but the blocks'
 * two products. Those are merged anew for each image, with the weights that a
 * small router in the block gives the experts' task vectors. Routers learn to
 * make predictions sure on test images, without labels.
 *
 * https://arxiv.org/abs/2402.00433
 *
 * A router looks at what a block's first product is given and takes the mean
 * over its pixels. FusionBench means to route image by image once routers are
 * learnt, but with `batch_reduce` goes on with one mean a batch; here the model
 * that comes out routes image by image. All experts' products are in memory.
 */
const weightEnsemblingMoe: MergeMethod<WeightEnsemblingParameters> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    checkpoint: path,
    save_checkpoint: path,
    router_hidden_layers: z.int().min(0).max(2).default(2),
    init_lambda: z.number().default(0.3),
    batch_reduce: z.boolean().default(true),
    lr: z.number().positive().default(1e-4),
    optimizer: z.literal("adam").default("adam"),
    devices: z.int().default(1),
    batch_size: z.int().min(1).default(16),
    num_workers: z.int().min(0).default(16),
    max_steps: z.int().min(0).default(1000),
    use_grad_accumulate: z.boolean().default(true),
    cache_dir: z.string().nullable().default(null),
    fast_dev_run: z.boolean().default(false),
    shuffle: z.boolean().default(true),
    seed: z.int().nullable().default(null),
    early_stopping: earlyStoppingSchema,
  }),
  dataUse: ({ checkpoint, max_steps, batch_size, early_stopping }) => ({
    split: "test",
    images: checkpoint === false ? max_steps * batch_size : 0,
    purpose: "to minimise the entropy of predictions",
    ...(early_stopping && { validation: "for early stopping" }),
  }),
  async prepare(pool, parameters, { targets }) {
    const data = needData(pool, "weight_ensembling_moe");
    const products = [...targets.keys()].filter(isProductTensor);
    const pretrained = await inMemory(pool.pretrained!, products);
    const experts = new Map<string, StateDict>();
    for (const [name, expert] of pool.models) {
      experts.set(name, await inMemory(expert, products));
    }
    const routers = parameters.checkpoint === false
      ? initialRouters(targets, experts.size, parameters)
      : await readRouters(parameters.checkpoint);
    let part = new WeightEnsembling(pretrained, experts, routers);
    if (parameters.checkpoint === false && parameters.max_steps > 0) {
      const learnt = await adapt(pool, targets, part, parameters);
      part = new WeightEnsembling(pretrained, experts, learnt);
    }
    if (parameters.save_checkpoint !== false) {
      await saveTensors(parameters.save_checkpoint, part.routers);
    }
    data.keep(part);
  },
  merge({ pretrained, models }, { init_lambda }) {
    const vectors = models.map((model) => tf.sub(model, pretrained));
    return tf.add(pretrained, tf.mul(tf.addN(vectors), init_lambda));
  },
};
export default weightEnsemblingMoe;

async function adapt(
  pool: MergePool,
  targets: ReadonlyMap<string, readonly number[]>,
  part: WeightEnsembling,
  parameters: WeightEnsemblingParameters,
): Promise<StateDict> {
  const tasks = [...pool.models.keys()];
  const model = await TestTimeModel.open(
    pool,
    "weight_ensembling_moe",
    targets,
    parameters,
  );
  const merge_weight = tasks.map(() => [parameters.init_lambda]);
  await model.load(merged({ tasks, tensors: ["*"], merge_weight }));
  const routed = await MultiTaskModel.with(
    model.model.model,
    model.model.heads,
    part,
  );
  try {
    return await learnRouters(pool, model, routed, part, parameters);
  } finally {
    await model.closeImages();
    await routed.dispose();
  }
}

async function inMemory(
  source: StateDict,
  names: readonly string[],
): Promise<StateDict> {
  const tensors = new Map<
    string,
    { shape: readonly number[]; data: Float32Array }
  >();
  for (const name of names) {
    const { shape } = source.info(name);
    tensors.set(name, { shape, data: await source.read(name) });
  }
  return memoryStateDict(tensors, source.source);
}

async function readRouters(path: string): Promise<StateDict> {
  const file = await openCheckpoint(path);
  try {
    return await inMemory(file, file.names);
  } finally {
    file.close();
  }
}
