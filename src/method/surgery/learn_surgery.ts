import * as tf from "@tensorflow/tfjs";
import { memoryStateDict, type StateDict } from "../../checkpoint/mod.ts";
import { backboneOf, operate, Surgery } from "../../convnext/mod.ts";
import {
  type MergePool,
  needData,
  type PoolData,
  randomUniform,
} from "../../merge/mod.ts";
import { adamStep } from "../adamerging/coefficients.ts";
import {
  testBatches,
  type TestTimeOptions,
} from "../adamerging/test_time_model.ts";

/** Features that a module goes through, as in FusionBench. */
const HIDDEN = 16;
/** Length of Adam's steps, as in FusionBench. */
const LEARNING_RATE = 1e-3;

/** How modules are learnt. */
export interface LearnSurgeryOptions extends TestTimeOptions {
  /** Steps. */
  surgery_steps: number;
  /** Batches of each task that are left out at the beginning. */
  skip: number;
}

/** Learns every task's module and keeps them. */
export async function learnSurgery(
  pool: MergePool,
  merged: tf.LayersModel,
  options: LearnSurgeryOptions,
): Promise<void> {
  const data = needData(pool, "adamerging_surgery");
  const modules = new Map<string, StateDict>();
  const losses: Record<string, { first: number; last: number }> = {};
  for (const task of pool.models.keys()) {
    const expert = await data.loadModel(task);
    try {
      const { module, ...loss } = await learnModule(
        data,
        task,
        merged,
        expert,
        options,
        (done) =>
          data.progress(
            modules.size * options.surgery_steps + done,
            pool.models.size * options.surgery_steps,
          ),
      );
      modules.set(task, module);
      losses[task] = loss;
    } finally {
      expert.dispose();
    }
  }
  data.note("surgery_loss", losses);
  data.keep(new Surgery(modules));
}

async function learnModule(
  data: PoolData,
  task: string,
  merged: tf.LayersModel,
  expert: tf.LayersModel,
  options: LearnSurgeryOptions,
  onStep: (done: number) => void,
): Promise<{ module: StateDict; first: number; last: number }> {
  const channels = backboneOf(merged).outputs[0]!.shape[1]!;
  // PyTorch's layout, [out, in]; kaiming_uniform_ with a = sqrt(5), and zeros.
  const bound = 1 / Math.sqrt(channels);
  const down = randomUniform(
    options.seed ?? 0,
    ["surgery", task],
    0,
    HIDDEN * channels,
  ).map((u) => (2 * u - 1) * bound);
  const up = new Float32Array(channels * HIDDEN);
  const step = adamStep([down, up], LEARNING_RATE);
  const batches = testBatches(data, [task], options).get(task)!;
  let first = NaN;
  let last = NaN;
  try {
    for (let i = 0; i < options.skip; i++) {
      tf.dispose((await batches.next()).value);
    }
    for (let i = 0; i < options.surgery_steps; i++) {
      const { value: pixelValues } = await batches.next();
      const { loss, gradients } = await surgeryGradients(
        featuresOf(merged, pixelValues),
        featuresOf(expert, pixelValues),
        down,
        up,
      );
      pixelValues.dispose();
      step([down, up], gradients);
      if (i === 0) first = loss;
      last = loss;
      onStep(i + 1);
    }
  } finally {
    await batches.return(undefined);
  }
  return {
    module: memoryStateDict({
      "down_proj.weight": { shape: [HIDDEN, channels], data: down },
      "up_proj.weight": { shape: [channels, HIDDEN], data: up },
    }, `surgery module of ${task}`),
    first,
    last,
  };
}

/** The backbone's pooled features, [batch, channels]. */
function featuresOf(
  model: tf.LayersModel,
  pixelValues: tf.Tensor,
): tf.Tensor2D {
  return tf.tidy(() => backboneOf(model).apply(pixelValues) as tf.Tensor2D);
}

/** The mean absolute difference and its gradients; disposes of the features. */
async function surgeryGradients(
  features: tf.Tensor2D,
  wanted: tf.Tensor2D,
  down: Float32Array,
  up: Float32Array,
): Promise<{ loss: number; gradients: Float32Array[] }> {
  const channels = features.shape[1];
  const [loss, ...gradients] = tf.tidy(() => {
    const { value, grads } = tf.valueAndGrads((
      down: tf.Tensor,
      up: tf.Tensor,
    ) =>
      tf.mean(tf.abs(tf.sub(
        operate(
          features,
          tf.transpose(down) as tf.Tensor2D,
          tf.transpose(up) as tf.Tensor2D,
        ),
        wanted,
      )))
    )([
      tf.tensor2d(down, [HIDDEN, channels]),
      tf.tensor2d(up, [channels, HIDDEN]),
    ]);
    return [value, ...grads];
  });
  tf.dispose([features, wanted]);
  const values = await Promise.all(
    [loss!, ...gradients].map((tensor) => tensor.data<"float32">()),
  );
  tf.dispose([loss!, ...gradients]);
  return { loss: values[0]![0]!, gradients: values.slice(1) };
}
