import * as tf from "@tensorflow/tfjs";
import { memoryStateDict } from "../../checkpoint/mod.ts";
import { loadStateDict, type MultiTaskModel } from "../../convnext/mod.ts";
import {
  CollapseWatch,
  type MergePool,
  needData,
  type PoolData,
  type WeightGradients,
  weightGradients,
} from "../../merge/mod.ts";

/** Pretrained weights and task vectors of one tensor. */
export interface TensorVectors {
  /** Its shape, in Hugging Face's layout. */
  readonly shape: readonly number[];
  /** The pretrained weights. */
  readonly start: Float32Array;
  /** Each expert minus the pretrained weights, in the order of the tasks. */
  readonly vectors: readonly Float32Array[];
}

/** Which images a {@linkcode TestTimeModel} looks at. */
export interface TestTimeOptions {
  /** Images of each task a step. */
  batch_size: number;
  /** Takes them in a random order. */
  shuffle: boolean;
  /** Chooses that order. */
  seed: number | null;
}

/** A sum over tasks of entropies, and its gradient by the merged weights. */
export interface EntropyGradients {
  /** Mean over the tasks of a batch's mean entropy, in nats. */
  entropy: number;
  /** Of the sum over tasks, by tensor. */
  gradients: Map<string, Float32Array>;
}

/** What came of a look at a batch of images. */
export type Look = Pick<WeightGradients, "loss" | "logits" | "classes">;

/**
 * A merged model while it is adapted to test images without labels: it gives
 * the gradients of its predictions' entropy, and watches whether they collapse.
 */
export class TestTimeModel {
  /** The fusion targets, read into memory. */
  readonly tensors: ReadonlyMap<string, TensorVectors>;
  /** The model under every expert's head. */
  readonly model: MultiTaskModel;
  readonly #data: PoolData;
  readonly #batches: Map<string, AsyncGenerator<tf.Tensor4D>>;
  readonly #watch = new CollapseWatch();
  readonly #entropies: number[] = [];

  private constructor(
    data: PoolData,
    model: MultiTaskModel,
    tensors: ReadonlyMap<string, TensorVectors>,
    batches: Map<string, AsyncGenerator<tf.Tensor4D>>,
  ) {
    this.#data = data;
    this.model = model;
    this.tensors = tensors;
    this.#batches = batches;
  }

  /** Reads a pool's fusion targets and opens its test images. */
  static async open(
    pool: MergePool,
    method: string,
    targets: ReadonlyMap<string, readonly number[]>,
    options: TestTimeOptions,
  ): Promise<TestTimeModel> {
    const data = needData(pool, method);
    return new TestTimeModel(
      data,
      await data.loadMultiTaskModel("_pretrained_"),
      await readVectors(pool, targets),
      testBatches(data, [...pool.models.keys()], options),
    );
  }

  /** Puts merged weights into the model. */
  async load(
    merge: (name: string, tensor: TensorVectors) => Float32Array,
  ): Promise<void> {
    let prefix = "";
    const merged = new Map<string, { shape: number[]; data: Float32Array }>();
    for (const [name, tensor] of this.tensors) {
      merged.set(name, {
        shape: [...tensor.shape],
        data: merge(name, tensor),
      });
      prefix = name.slice(0, name.indexOf(".") + 1);
    }
    const stateDict = memoryStateDict(merged, "merged");
    await loadStateDict(this.model.model, stateDict, prefix);
  }

  /** Looks at the next images of each task. */
  async entropyGradients(): Promise<EntropyGradients> {
    const gradients = new Map<string, Float32Array>();
    const entropy = await this.eachTask(async (task, pixelValues) => {
      const result = await weightGradients(
        await this.model.forTask(task),
        pixelValues,
        [...this.tensors.keys()],
        meanEntropy,
      );
      for (const [name, gradient] of result.weights) {
        const sum = gradients.get(name);
        if (sum) addTo(sum, gradient);
        else gradients.set(name, gradient);
      }
      return result;
    });
    return { entropy, gradients };
  }

  /**
   * Has the next images of each task looked at.
   *
   * @param look Classifies them; the images are released when it is done.
   * @returns The mean over tasks of the losses.
   */
  async eachTask(
    look: (task: string, pixelValues: tf.Tensor4D) => Promise<Look>,
  ): Promise<number> {
    let mean = 0;
    for (const [task, batches] of this.#batches) {
      const { value: pixelValues } = await batches.next();
      const { loss, logits, classes } = await look(task, pixelValues);
      pixelValues.dispose();
      this.#watch.add(task, logits, classes);
      mean += loss / this.#batches.size;
    }
    this.#entropies.push(mean);
    return mean;
  }

  /** Tells what came of the adaptation; warns of collapsed predictions. */
  tell(): void {
    this.#data.note("entropy", {
      first: this.#entropies[0],
      last: this.#entropies.at(-1),
    });
    for (const finding of this.#watch.findings()) this.#data.warn(finding);
  }

  /** Releases model and images. */
  async close(): Promise<void> {
    await this.closeImages();
    await this.model.dispose();
  }

  /** Releases the images only, where the model has become another's. */
  async closeImages(): Promise<void> {
    for (const each of this.#batches.values()) await each.return(undefined);
  }
}

/** Endless batches of each task's test images. */
export function testBatches(
  data: PoolData,
  tasks: readonly string[],
  { batch_size, shuffle, seed }: TestTimeOptions,
): Map<string, AsyncGenerator<tf.Tensor4D>> {
  return new Map(
    tasks.map((task) => [
      task,
      data.batches(task, {
        split: "test",
        batchSize: batch_size,
        shuffle,
        seed,
        repeat: true,
      }),
    ]),
  );
}

/** As FusionBench's `entropy_loss`: the mean over the batch, in nats. */
export function meanEntropy(logits: tf.Tensor2D): tf.Scalar {
  const chances = tf.softmax(logits);
  const each = tf.sum(tf.mul(chances, tf.log(tf.add(chances, 1e-8))), -1);
  return tf.neg(tf.mean(each));
}

async function readVectors(
  pool: MergePool,
  targets: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, TensorVectors>> {
  const tensors = new Map<string, TensorVectors>();
  for (const [name, shape] of targets) {
    const start = await pool.pretrained!.read(name);
    const vectors: Float32Array[] = [];
    for (const expert of pool.models.values()) {
      const values = await expert.read(name);
      vectors.push(Float32Array.from(values, (value, i) => value - start[i]!));
    }
    tensors.set(name, { shape, start, vectors });
  }
  return tensors;
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}
