import * as tf from "@tensorflow/tfjs";
import { applyLayer, namedLayers } from "../../convnext/mod.ts";
import { bestAssignment } from "./assignment.ts";
import type { Permutations } from "./permutation_axes.ts";

/**
 * Git Re-Basin's activation matching: orders a model's channels so that what
 * they hold has the largest inner product with what another's hold, on the same
 * images. Every permutation is chosen on its own.
 *
 * https://arxiv.org/abs/2209.04836
 *
 * A stage's permutation looks at the output of each of its blocks, a block's at
 * what its second product is given.
 */
export class ActivationMatching {
  readonly #sums = new Map<string, tf.Tensor2D>();

  /**
   * Adds a batch of images.
   *
   * @param reference The model that stays as it is.
   * @param pixelValues [batch, height, width, channels].
   */
  add(
    reference: tf.LayersModel,
    model: tf.LayersModel,
    pixelValues: tf.Tensor4D,
  ): void {
    const theirs = namedLayers(reference);
    const ours = namedLayers(model);
    let features: [tf.Tensor, tf.Tensor] = [
      tf.clone(pixelValues),
      tf.clone(pixelValues),
    ];
    for (const [i, layer] of theirs.entries()) {
      const stage = /\.stages\.(\d+)\.(?:layers\.(\d+)|downsampling_layer\.1)$/
        .exec(layer.path);
      const inner: tf.Tensor2D[] = [];
      const next = [layer, ours[i]!].map((layer, m) =>
        applyLayer(layer, features[m]!, ({ name, rows }) => {
          if (name.endsWith(".pwconv2.weight")) {
            inner.push(tf.keep(tf.clone(rows)));
          }
        })
      ) as [tf.Tensor, tf.Tensor];
      tf.dispose(features);
      features = next;
      if (inner.length === 2) {
        this.#addRows(`block ${stage![1]}.${stage![2]}`, inner[0]!, inner[1]!);
        tf.dispose(inner);
      }
      const isStem = layer.path.endsWith(".embeddings.layernorm");
      if (stage || isStem) {
        const rows = features.map((feature) =>
          tf.reshape(feature, [-1, feature.shape.at(-1)!])
        ) as [tf.Tensor2D, tf.Tensor2D];
        this.#addRows(`stage ${stage?.[1] ?? 0}`, ...rows);
        tf.dispose(rows);
      }
    }
    tf.dispose(features);
  }

  #addRows(name: string, theirs: tf.Tensor2D, ours: tf.Tensor2D): void {
    const before = this.#sums.get(name);
    const sum = tf.tidy(() => {
      const product = tf.matMul(theirs, ours, true, false);
      return tf.keep(before ? tf.add(before, product) : product) as tf.Tensor2D;
    });
    before?.dispose();
    this.#sums.set(name, sum);
  }

  /** The permutations; nothing stays here. */
  async solve(): Promise<Permutations> {
    const permutations = new Map<string, Int32Array>();
    for (const [name, sum] of this.#sums) {
      const scores = await sum.data<"float32">();
      permutations.set(name, bestAssignment(scores, sum.shape[0]));
    }
    this.dispose();
    return permutations;
  }

  /** Releases what was added. */
  dispose(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
  }
}
