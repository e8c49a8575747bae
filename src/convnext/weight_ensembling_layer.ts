import * as tf from "@tensorflow/tfjs";
import { applyBlock } from "./apply_block.ts";
import type { ConvNextLayer } from "./convnext_layer.ts";

/** The tensors of a block that experts differ in, in TensorFlow.js's layout. */
export const PRODUCT_TENSORS = [
  "pwconv1.weight",
  "pwconv1.bias",
  "pwconv2.weight",
  "pwconv2.bias",
] as const;

/** A block's products of all models. */
export interface BlockExperts {
  /** Pretrained values by name, as PRODUCT_TENSORS. */
  readonly pretrained: Readonly<Record<string, tf.Tensor>>;
  /** Task vectors by name, flattened: [experts, elements]. */
  readonly vectors: Readonly<Record<string, tf.Tensor2D>>;
}

/**
 * A router's weights: none but `weight` [experts]; or `fc` [channels, experts];
 * or `fc1` [channels, channels] and `fc2` [channels, experts]; with biases.
 */
export type RouterWeights = ReadonlyMap<string, tf.Variable>;

/**
 * A ConvNeXt block whose two products are merged for what they are given: a
 * router looks at the features and weighs the experts' task vectors.
 */
export class WeightEnsemblingLayer extends tf.layers.Layer {
  /** Name under which TensorFlow.js would store the class. */
  static readonly className = "WeightEnsembling";
  /** Routes a batch as a whole, as FusionBench does while routers learn. */
  batchReduce = false;
  /** The router. */
  readonly router: RouterWeights;
  readonly #block: ConvNextLayer;
  readonly #experts: BlockExperts;

  /** Puts experts in the place of a block's products; only those are its own. */
  constructor(
    block: ConvNextLayer,
    experts: BlockExperts,
    router: RouterWeights,
  ) {
    super({ name: block.name });
    this.#block = block;
    this.#experts = experts;
    this.router = router;
  }

  /** The block that merging without routers gives, by Hugging Face names. */
  namedWeights(): Readonly<Record<string, tf.LayerVariable>> {
    return this.#block.namedWeights();
  }

  /** The output has the input's shape. */
  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  /** Computes the block, [batch, height, width, channels]. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const residual =
      (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor4D;
    return tf.tidy(() => {
      let routes: tf.Tensor2D[] = [];
      return applyBlock(this.#block, residual, (name, rows) => {
        // What the first product is given decides for both.
        if (name === "pwconv1") routes = this.#route(rows, residual.shape[0]);
        const parts = split(rows, routes.length);
        return tf.concat2d(
          parts.map((part, i) => this.#product(name, part, routes[i]!)),
          0,
        );
      });
    });
  }

  /** The experts' weights, [1, experts], for each image or for all at once. */
  #route(rows: tf.Tensor2D, batch: number): tf.Tensor2D[] {
    const { router } = this;
    const constant = router.get("weight");
    if (constant) return [tf.reshape(constant, [1, -1])];
    const dense = (input: tf.Tensor2D, name: string): tf.Tensor2D =>
      tf.add(
        tf.matMul(
          input,
          router.get(`${name}.weight`)! as unknown as tf.Tensor2D,
        ),
        router.get(`${name}.bias`)!,
      );
    const gates = router.has("fc.weight")
      ? dense(rows, "fc")
      : dense(tf.relu(dense(rows, "fc1")), "fc2");
    const count = this.batchReduce ? 1 : batch;
    const means = tf.mean(tf.reshape(gates, [count, -1, gates.shape[1]]), 1);
    return split(means as tf.Tensor2D, count);
  }

  /** The product with merged weights. */
  #product(
    name: string,
    rows: tf.Tensor2D,
    route: tf.Tensor2D,
  ): tf.Tensor2D {
    const merged = (tensor: string): tf.Tensor => {
      const start = this.#experts.pretrained[tensor]!;
      const moved = tf.matMul(route, this.#experts.vectors[tensor]!);
      return tf.add(start, tf.reshape(moved, start.shape));
    };
    return tf.add(
      tf.matMul(rows, merged(`${name}.weight`) as tf.Tensor2D),
      merged(`${name}.bias`),
    );
  }

  /** Releases everything when no model has the layer any more. */
  override dispose(): ReturnType<tf.layers.Layer["dispose"]> {
    const result = super.dispose();
    if (result.refCountAfterDispose === 0) {
      tf.dispose([
        Object.values(this.#experts.pretrained),
        Object.values(this.#experts.vectors),
        [...this.router.values()],
      ]);
    }
    return result;
  }
}

/** Rows in equal parts; of one part TensorFlow.js has no gradient. */
function split(rows: tf.Tensor2D, count: number): tf.Tensor2D[] {
  return count === 1 ? [rows] : tf.split(rows, count);
}
