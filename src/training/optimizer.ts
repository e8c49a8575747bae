import * as tf from "@tensorflow/tfjs";
import { joinTensors, partTensor } from "../backend/mod.ts";
import type { Parameter } from "./parameters.ts";
import type { UpdateRule } from "./update_rule.ts";

/** Elements after which a bucket is full: bounds the memory of a step. */
const BUCKET_SIZE = 1 << 22;

/**
 * Weights that are stepped as one flat vector: a small model has a hundred
 * tensors, and an operation costs more than their arithmetic.
 */
interface Bucket {
  readonly parameters: Parameter[];
  size: number;
  /** What the bucket's learning rate is multiplied by. */
  readonly scale: number;
  readonly part: Parameter["part"];
  slots: tf.Tensor[];
  /** Steps that it has taken; weights that were frozen have taken fewer. */
  steps: number;
}

/** An optimiser's tensor, to be stored. */
export interface OptimizerTensor {
  /** Such as `0.exp_avg`. */
  readonly name: string;
  /** Its values, [size]. */
  readonly tensor: tf.Tensor;
}

/** Options of {@linkcode Optimizer}. */
export interface OptimizerOptions {
  /**
   * What the learning rate is multiplied by for each layer that a weight lies
   * below the head, as in BEiT's and ConvNeXt's fine-tuning.
   * @default {1}
   */
  layerDecay?: number;
}

/**
 * Steps a classifier's weights by their gradients.
 *
 * Frozen weights keep their state: as in PyTorch, where a weight without a
 * gradient is passed over, Adam's corrections count the steps of each weight.
 */
export class Optimizer {
  readonly #rule: UpdateRule;
  readonly #buckets: Bucket[] = [];

  /**
   * An optimiser that has taken no step.
   *
   * @param rule Its arithmetic.
   * @param parameters The weights, from the stem to the head.
   */
  constructor(
    rule: UpdateRule,
    parameters: readonly Parameter[],
    { layerDecay = 1 }: OptimizerOptions = {},
  ) {
    this.#rule = rule;
    const top = Math.max(0, ...parameters.map(({ depth }) => depth));
    for (const parameter of parameters) {
      const { size } = parameter.variable;
      const scale = layerDecay ** (top - parameter.depth);
      let bucket = this.#buckets.findLast((candidate) =>
        candidate.scale === scale && candidate.part === parameter.part
      );
      if (!bucket || bucket.size > 0 && bucket.size + size > BUCKET_SIZE) {
        bucket = {
          parameters: [],
          size: 0,
          scale,
          part: parameter.part,
          slots: [],
          steps: 0,
        };
        this.#buckets.push(bucket);
      }
      bucket.parameters.push(parameter);
      bucket.size += size;
    }
    for (const bucket of this.#buckets) {
      bucket.slots = rule.slots.map(() => tf.zeros([bucket.size]));
    }
  }

  /** Steps that each bucket of weights has taken. */
  get steps(): number[] {
    return this.#buckets.map(({ steps }) => steps);
  }

  /**
   * Gradients as one flat vector for each bucket that has any; the caller's to
   * dispose of.
   *
   * @param gradients Gradients by the name of their variable.
   */
  flatten(gradients: Readonly<Record<string, tf.Tensor>>): tf.Tensor[] {
    return this.#active(gradients).map(({ parameters }) =>
      joined(parameters.map(({ variable }) => gradients[variable.name]!))
    );
  }

  /**
   * Takes one step.
   *
   * @param parts Which halves of the model are not frozen: those that
   * `gradients` has vectors of.
   * @param gradients As {@linkcode flatten} gives them; not disposed of.
   * @param learningRate The step's length, before layer decay.
   */
  step(
    parts: readonly Parameter["part"][],
    gradients: readonly tf.Tensor[],
    learningRate: number,
  ): void {
    const buckets = this.#buckets.filter(({ part }) => parts.includes(part));
    for (const [i, bucket] of buckets.entries()) {
      const { parameters } = bucket;
      bucket.steps++;
      const slots = tf.tidy(() => {
        const update = this.#rule.update(
          joined(parameters.map(({ variable }) => variable)),
          gradients[i]!,
          bucket.slots,
          bucket.steps,
          learningRate * bucket.scale,
        );
        const variables = parameters.map(({ variable }) => variable);
        const pieces = parted(update.point, variables);
        for (const [j, variable] of variables.entries()) {
          variable.assign(pieces[j]!);
        }
        return update.slots;
      });
      tf.dispose(bucket.slots);
      bucket.slots = slots;
    }
  }

  /** The state's tensors: they are the optimiser's, not copies. */
  tensors(): OptimizerTensor[] {
    return this.#buckets.flatMap(({ slots }, i) =>
      slots.map((tensor, j) => ({
        name: `${i}.${this.#rule.slots[j]}`,
        tensor,
      }))
    );
  }

  /**
   * Goes on where an optimiser of the same rule and model was.
   *
   * @param steps Its {@linkcode steps}.
   * @param read Gives the values of one of its {@linkcode tensors}.
   */
  async restore(
    steps: readonly number[],
    read: (name: string) => Promise<Float32Array>,
  ): Promise<void> {
    for (const [i, bucket] of this.#buckets.entries()) {
      bucket.steps = steps[i] ?? 0;
      for (const [j, slot] of this.#rule.slots.entries()) {
        const values = await read(`${i}.${slot}`);
        bucket.slots[j]!.dispose();
        bucket.slots[j] = tf.tensor1d(values);
      }
    }
  }

  /** Releases the state. */
  dispose(): void {
    for (const { slots } of this.#buckets) tf.dispose(slots);
  }

  #active(gradients: Readonly<Record<string, tf.Tensor>>): Bucket[] {
    return this.#buckets.filter(({ parameters }) =>
      gradients[parameters[0]!.variable.name] !== undefined
    );
  }
}

/** Tensors one after the other, as one vector. */
function joined(tensors: tf.Tensor[]): tf.Tensor {
  return tf.tidy(() => {
    const native = joinTensors(tensors);
    if (native) return native;
    const flat = tensors.map((tensor) => tf.reshape(tensor, [tensor.size]));
    return flat.length === 1 ? flat[0]! : tf.concat(flat as tf.Tensor1D[]);
  });
}

/** Undoes {@linkcode joined}: tensors of the shapes of some. */
function parted(vector: tf.Tensor, like: tf.Tensor[]): tf.Tensor[] {
  const native = partTensor(vector, like);
  if (native) return native;
  const pieces = like.length === 1
    ? [vector]
    : tf.split(vector, like.map(({ size }) => size));
  return pieces.map((piece, i) => tf.reshape(piece, like[i]!.shape));
}
