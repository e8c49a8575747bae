import * as tf from "@tensorflow/tfjs";
import { memoryStateDict, type StateDict } from "../../checkpoint/mod.ts";
import type { MultiTaskModel, WeightEnsembling } from "../../convnext/mod.ts";
import { type MergePool, needData, randomNormal } from "../../merge/mod.ts";
import { adamStep } from "../adamerging/coefficients.ts";
import { EarlyStopping } from "../adamerging/early_stopping.ts";
import {
  meanEntropy,
  type TestTimeModel,
} from "../adamerging/test_time_model.ts";
import type { WeightEnsemblingParameters } from "./weight_ensembling_moe.ts";

const FIRST_PRODUCT = ".pwconv1.weight";

/** Routers as FusionBench begins them: small kernels, biases of init_lambda. */
export function initialRouters(
  targets: ReadonlyMap<string, readonly number[]>,
  experts: number,
  { router_hidden_layers, init_lambda, seed }: WeightEnsemblingParameters,
): StateDict {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const kernel = (name: string, shape: [number, number]) =>
    tensors.set(name, {
      shape,
      data: randomNormal(seed ?? 0, ["router", name], shape[0] * shape[1])
        .map((value) => 0.01 * value),
    });
  const constant = (name: string, size: number, value: number) =>
    tensors.set(name, {
      shape: [size],
      data: new Float32Array(size).fill(value),
    });
  for (const [name, shape] of targets) {
    if (!name.endsWith(FIRST_PRODUCT)) continue;
    const block = name.slice(0, -FIRST_PRODUCT.length);
    const channels = shape[1]!;
    if (router_hidden_layers === 0) {
      constant(`${block}.weight`, experts, init_lambda);
      continue;
    }
    let last = "fc";
    if (router_hidden_layers === 2) {
      kernel(`${block}.fc1.weight`, [channels, channels]);
      constant(`${block}.fc1.bias`, channels, 0);
      last = "fc2";
    }
    kernel(`${block}.${last}.weight`, [experts, channels]);
    constant(`${block}.${last}.bias`, experts, init_lambda);
  }
  return memoryStateDict(tensors, "routers");
}

/**
 * Learns routers: Adam's steps against the sum over tasks of the mean entropy
 * of a batch.
 *
 * @param model Gives images and is told of predictions.
 * @param routed The model with routers.
 * @param part The routers, attached to it.
 * @returns The routers' tensors.
 */
export async function learnRouters(
  pool: MergePool,
  model: TestTimeModel,
  routed: MultiTaskModel,
  part: WeightEnsembling,
  parameters: WeightEnsemblingParameters,
): Promise<StateDict> {
  const { lr, fast_dev_run, early_stopping } = parameters;
  const steps = fast_dev_run ? 1 : parameters.max_steps;
  const data = needData(pool, "weight_ensembling_moe");
  const variables = part.layers.flatMap(({ router }) => [...router.values()]);
  const rows = await Promise.all(
    variables.map(async (variable) =>
      (await variable.data<"float32">()).slice()
    ),
  );
  const step = adamStep(rows, lr);
  const stopping = new EarlyStopping<Float32Array[]>(data, early_stopping);
  const write = (values: readonly Float32Array[]): void => {
    for (const [i, variable] of variables.entries()) {
      const tensor = tf.tensor(values[i]!, variable.shape);
      variable.assign(tensor);
      tensor.dispose();
    }
  };
  for (let i = 0; i <= steps; i++) {
    const isLast = i === steps;
    if (isLast && early_stopping === null) break;
    if (stopping.isDue(i, isLast)) {
      if (await stopping.look(i, routed, rows) || isLast) break;
    }
    for (const layer of part.layers) {
      layer.batchReduce = parameters.batch_reduce;
    }
    const slopes = rows.map(({ length }) => new Float32Array(length));
    await model.eachTask(async (task, pixelValues) => {
      const classifier = await routed.forTask(task);
      let logits: tf.Tensor2D | undefined;
      const { value, grads } = tf.variableGrads(() => {
        logits = tf.keep(classifier.apply(pixelValues) as tf.Tensor2D);
        return meanEntropy(logits);
      }, variables);
      const gradients = variables.map(({ name }) => grads[name]!);
      for (const [v, gradient] of gradients.entries()) {
        const values = await gradient.data();
        const slope = slopes[v]!;
        for (let j = 0; j < slope.length; j++) slope[j]! += values[j]!;
      }
      const result = {
        loss: (await value.data())[0]!,
        logits: await logits!.data<"float32">(),
        classes: logits!.shape[1],
      };
      tf.dispose([value, logits!, ...gradients]);
      return result;
    });
    for (const layer of part.layers) layer.batchReduce = false;
    step(rows, slopes);
    write(rows);
    data.progress(i + 1, steps);
  }
  model.tell();
  const best = stopping.best();
  if (best) write(best);
  return await download(part);
}

/** The routers' tensors in PyTorch's layout. */
async function download(part: WeightEnsembling): Promise<StateDict> {
  const tensors = new Map<
    string,
    { shape: readonly number[]; data: Float32Array }
  >();
  const { routers } = part;
  for (const name of routers.names) {
    const layer = part.layers.find((layer) =>
      name.includes(`.${layer.name}.`)
    )!;
    const variable = layer.router.get(
      name.slice(name.indexOf(`.${layer.name}.`) + layer.name.length + 2),
    )!;
    const tensor = tf.transpose(variable);
    tensors.set(name, {
      shape: tensor.shape,
      data: (await tensor.data<"float32">()).slice(),
    });
    tensor.dispose();
  }
  return memoryStateDict(tensors, "routers");
}
