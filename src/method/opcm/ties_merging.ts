import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { StateDict } from "../../checkpoint/mod.ts";
import {
  findTiesFacts,
  type MergeMethod,
  mergeTies,
  modelOrder,
  type NumberParameter,
  numberParameter,
  resolveNumber,
  tensorDepths,
  type TiesFacts,
} from "../../merge/mod.ts";

interface Parameters {
  /** What is added of each merge. */
  scaling_factor: NumberParameter;
  /**
   * Elements that the next model, and what is merged so far, keep: a share up
   * to 1, a percentage above. It may differ by model; it is one for all tensors.
   */
  threshold: NumberParameter;
  /** Tensors that stay as they are in `_pretrained_`. */
  remove_keys: string[];
  /** How values that agree in sign are combined. */
  merge_func: "sum" | "mean" | "max";
  /** Takes the models in a shuffled order. */
  shuffle_order: boolean;
  /** Chooses that order; `null` is 0. */
  seed: number | null;
}

/** A number of the method at one tensor, for one model. */
type NumberOf = (parameter: NumberParameter, model: string) => number;

/**
 * Continual TIES merging: models are taken one after the other. `_pretrained_`
 * gets `scaling_factor` times the first task vector; then, for each next model,
 * what is merged so far and that model's task vector are merged by TIES, and
 * `scaling_factor` times the result is added.
 *
 * https://arxiv.org/abs/2306.01708
 *
 * As FusionBench, which shuffles with Python's generator, so its order is
 * another, and which fails with `remove_keys` (they stay as pretrained here).
 * Each next model takes three passes over the models so far: what they merge to
 * is computed anew, and not kept.
 */
const continualTiesMerging: MergeMethod<Parameters, TiesFacts[]> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(0.5),
    threshold: numberParameter({ minimum: 0, maximum: 100, perTensor: false })
      .default(20),
    remove_keys: z.array(z.string()).default([]),
    merge_func: z.enum(["sum", "mean", "max"]).default("sum"),
    shuffle_order: z.boolean().default(true),
    seed: z.int().nullable().default(null),
  }),
  async prepare(pool, parameters, context) {
    const pretrained = pool.pretrained!;
    const names = inOrder([...pool.models.keys()], parameters);
    const depths = tensorDepths(context.targets.keys());
    const facts: TiesFacts[] = [];
    for (const [count, next] of names.entries()) {
      if (count === 0) continue;
      const soFar = names.slice(0, count);
      const sources = [
        pretrained,
        ...soFar.map((name) => pool.models.get(name)!),
      ];
      /** What the models so far merge to, computed when read. */
      const merged: StateDict = {
        names: pretrained.names,
        source: `${soFar.join(" + ")}`,
        info: (name) => pretrained.info(name),
        close() {},
        async read(name, begin, end) {
          const values = await Promise.all(
            sources.map((source) => source.read(name, begin, end)),
          );
          const number: NumberOf = (parameter, model) =>
            resolveNumber(parameter, {
              tensor: name,
              depth: depths.get(name)!,
              model,
            });
          const result = tf.tidy(() => {
            const [start, ...models] = values.map((data) => tf.tensor1d(data));
            return mergeOn(start!, models, soFar, parameters, facts, number);
          });
          const data = await result.data<"float32">();
          result.dispose();
          return data;
        },
      };
      const pair = new Map([[SO_FAR, merged], [next, pool.models.get(next)!]]);
      facts.push(
        await findTiesFacts(
          { pretrained, models: pair },
          { ...parameters, threshold: thresholdOf(parameters, next) },
          context,
        ),
      );
    }
    return facts;
  },
  merge({ name, pretrained, models, modelNames, number }, parameters, facts) {
    if (parameters.remove_keys.includes(name)) return tf.clone(pretrained);
    const names = inOrder(modelNames, parameters);
    const ordered = names.map((model) => models[modelNames.indexOf(model)]!);
    return mergeOn(pretrained, ordered, names, parameters, facts, number);
  },
};
export default continualTiesMerging;

/** What is merged so far, beside the next model: no model has such a name. */
const SO_FAR = "/";

function inOrder(
  names: readonly string[],
  { shuffle_order, seed }: Parameters,
): string[] {
  return modelOrder(names.length, { shuffle: shuffle_order, seed })
    .map((i) => names[i]!);
}

/** A threshold by model is the next model's for both of a pair. */
function thresholdOf(
  { threshold }: Parameters,
  model: string,
): NumberParameter {
  return Array.isArray(threshold)
    ? threshold // refused, as of ties_merging
    : resolveNumber(threshold, { tensor: "", depth: 0, model });
}

/** Adds one model after the other. */
function mergeOn(
  pretrained: tf.Tensor,
  models: readonly tf.Tensor[],
  names: readonly string[],
  { scaling_factor, merge_func }: Parameters,
  facts: readonly TiesFacts[],
  number: NumberOf,
): tf.Tensor {
  let merged = pretrained;
  for (const [i, model] of models.entries()) {
    const vector = tf.sub(model, pretrained);
    const added = i === 0 ? vector : mergeTies(
      [tf.sub(merged, pretrained), vector],
      facts[i - 1]!,
      merge_func,
    );
    merged = tf.add(merged, tf.mul(added, number(scaling_factor, names[i]!)));
  }
  return merged;
}
