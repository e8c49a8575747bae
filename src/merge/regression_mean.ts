import * as tf from "@tensorflow/tfjs";
import { MethodError } from "../fusion_error.ts";
import { matrixOf } from "./linear_algebra/matrix.ts";
import { solvePositive } from "./linear_algebra/solve_positive.ts";

interface Sums {
  /** Sum of the Gram matrices, [in, in]. */
  gram: Float64Array;
  /** Sum of weight times Gram matrix, [out, in]. */
  product: Float64Array;
  /** Inputs of the map. */
  size: number;
}

/**
 * The linear maps that are closest, in least squares, to several models' maps
 * on the inputs of each: (Σ Wᵢ Gᵢ) (Σ Gᵢ)⁻¹, with G a Gram matrix whose
 * elements off the diagonal are reduced. It is RegMean's closed form.
 */
export class RegressionMean {
  readonly #ratio: number;
  readonly #sums = new Map<string, Sums>();

  /**
   * Nothing added yet.
   *
   * @param ratio What elements off the diagonal are multiplied with, 0 to 1.
   */
  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /**
   * Adds a model's map.
   *
   * @param name The weight's Hugging Face name.
   * @param gram [in, in]; disposed of.
   * @param weight [out, in].
   */
  async add(
    name: string,
    gram: tf.Tensor2D,
    weight: Float32Array,
  ): Promise<void> {
    const size = gram.shape[0];
    const ratio = this.#ratio;
    const [reduced, product] = tf.tidy(() => {
      const reduced = tf.add(
        tf.mul(gram, ratio),
        tf.mul(gram, tf.mul(tf.eye(size), 1 - ratio)),
      ) as tf.Tensor2D;
      const outputs = weight.length / size;
      const product = tf.matMul(tf.tensor2d(weight, [outputs, size]), reduced);
      return [reduced, product];
    });
    const values = await Promise.all([reduced!.data(), product!.data()]);
    tf.dispose([gram, reduced!, product!]);
    const sums = this.#sums.get(name) ?? {
      gram: new Float64Array(values[0].length),
      product: new Float64Array(values[1].length),
      size,
    };
    this.#sums.set(name, sums);
    addTo(sums.gram, values[0]);
    addTo(sums.product, values[1]);
  }

  /**
   * The merged weights, [out, in]; what was added is used up.
   * @throws {MethodError} If a sum of Gram matrices has no inverse.
   */
  solve(): Map<string, Float32Array> {
    const merged = new Map<string, Float32Array>();
    for (const [name, { gram, product, size }] of this.#sums) {
      const isSolved = solvePositive(
        matrixOf(size, size, gram),
        matrixOf(product.length / size, size, product),
      );
      if (!isSolved) {
        throw new MethodError(
          `method regmean: tensor ${name}: the Gram matrix of its inputs has no inverse, expected a reduce_non_diagonal_ratio below ${this.#ratio} or more images`,
        );
      }
      merged.set(name, Float32Array.from(product));
    }
    this.#sums.clear();
    return merged;
  }
}

function addTo(sum: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}
