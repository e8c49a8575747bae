import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  isLinearWeight,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  randomUniform,
} from "../../merge/mod.ts";

interface Parameters {
  /** The expert that is retrieved from the superposition. */
  task: string;
  /** How task vectors are told apart: random signs, normal factors, not. */
  mode:
    | "random_binary_diagonal_matrix"
    | "random_diagonal_matrix"
    | "identity_matrix";
  /** What is superposed: weights of linear layers (`mlp_w`), or all tensors. */
  target_layer: ("mlp_w" | "attn_w" | "mlp" | "attn" | "all")[];
  /** Chooses the random factors. */
  random_seed: number;
  /** Draws other factors for each tensor. */
  different_across_layers: boolean;
  /** What the retrieved task vector is multiplied by. */
  scaling_factor: NumberParameter;
}

/**
 * Superposed task arithmetic (random superposition): all task vectors are
 * added up after multiplying each one's columns with random factors of its
 * own; dividing the sum by one task's factors gives that task vector back,
 * plus what the others' random signs have turned into noise. Tensors that are
 * not targets are added up as they are.
 *
 * https://github.com/Zhou-Hangyu/randes
 *
 * FusionBench retrieves all experts at once; here a merge gives one model, and
 * `task` names it. `mlp_w` are a ConvNeXt's pointwise convolutions; `attn_w`
 * are none. FusionBench draws with numpy and Python's `hash` of the name, which
 * differs from run to run; here a seed gives the same factors everywhere. Dense
 * random matrices and shifted layers are left out.
 */
const superposed: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: z.strictObject({
    task: z.string(),
    mode: z.enum([
      "random_binary_diagonal_matrix",
      "random_diagonal_matrix",
      "identity_matrix",
    ]).default("random_binary_diagonal_matrix"),
    target_layer: z.array(z.enum(["mlp_w", "attn_w", "mlp", "attn", "all"]))
      .default(["mlp_w", "attn_w"]),
    random_seed: z.int().default(42),
    different_across_layers: z.boolean().default(true),
    scaling_factor: numberParameter().default(0.5),
  }),
  check({ task }, modelNames) {
    if (!modelNames.includes(task)) {
      throw new MethodError(
        `method randes/superposed_task_arithmetic: task is ${task}, expected one of ${
          modelNames.join(", ")
        }`,
      );
    }
  },
  merge({ name, shape, pretrained, models, modelNames, number }, parameters) {
    const vectors = models.map((model) => tf.sub(model, pretrained));
    const scale = number(parameters.scaling_factor, parameters.task);
    if (!isTarget(name, parameters)) {
      return tf.add(pretrained, tf.mul(tf.addN(vectors), scale));
    }
    const factors = modelNames.map((model) =>
      tf.tensor1d(columnFactors(model, name, shape.at(-1) ?? 1, parameters))
    );
    const sum = tf.addN(
      vectors.map((vector, i) => tf.mul(vector, factors[i]!)),
    );
    const retrieved = tf.div(
      sum,
      factors[modelNames.indexOf(parameters.task)]!,
    );
    return tf.add(pretrained, tf.mul(retrieved, scale));
  },
};
export default superposed;

function isTarget(name: string, { target_layer }: Parameters): boolean {
  return target_layer.some((target) =>
    target === "all" ||
    target === "mlp_w" && isLinearWeight(name) ||
    target === "mlp" && /\.pwconv[12]\./.test(name)
  );
}

function columnFactors(
  model: string,
  tensor: string,
  columns: number,
  { mode, random_seed, different_across_layers }: Parameters,
): Float32Array {
  const names = different_across_layers ? [model, tensor] : [model];
  const draw = (...more: string[]): Float32Array =>
    randomUniform(random_seed, [...names, ...more], 0, columns);
  if (mode === "identity_matrix") return new Float32Array(columns).fill(1);
  const angles = draw();
  if (mode === "random_binary_diagonal_matrix") {
    return angles.map((value) => value < 0.5 ? -1 : 1);
  }
  // Box and Muller's normal numbers; 1 - u is never 0.
  return draw("radius").map((value, i) =>
    Math.sqrt(-2 * Math.log(1 - value)) * Math.cos(2 * Math.PI * angles[i]!)
  );
}
