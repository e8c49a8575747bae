import type { AutoImageProcessor } from "../convnext/mod.ts";
import type { BoundMethod } from "../merge/mod.ts";
import type { ConvNextForImageClassificationPool } from "../modelpool/mod.ts";
import type { ImageClassificationTaskPool } from "../taskpool/mod.ts";
import type { ComposedConfig } from "./compose_config.ts";
import { datasetEntries } from "./dataset_entries.ts";
import type {
  MethodConfig,
  ModelPoolConfig,
  TaskPoolConfig,
} from "./pool_schemas.ts";
import type { RunConfig } from "./schemas.ts";
import { validateParameters } from "./validate.ts";

// The rooms that compute are imported when an object is made: reading a config
// and its errors needs no TensorFlow.js.

/** Makes the model pool that a config describes. */
export async function createModelPool(
  config: ModelPoolConfig,
): Promise<ConvNextForImageClassificationPool> {
  const { ConvNextForImageClassificationPool } = await import(
    "../modelpool/mod.ts"
  );
  return new ConvNextForImageClassificationPool({
    models: config.models,
    alignment: config.alignment,
    train_datasets: datasetEntries("training", config.train_datasets),
    val_datasets: datasetEntries("validation", config.val_datasets),
    test_datasets: datasetEntries("test", config.test_datasets),
  });
}

/**
 * Makes the task pool that a config describes; undefined for `DummyTaskPool`,
 * which evaluates nothing.
 *
 * @param loadProcessor Loads the image processor where the config names none.
 */
export async function createTaskPool(
  config: TaskPoolConfig | null | undefined,
  loadProcessor: () => Promise<AutoImageProcessor>,
): Promise<ImageClassificationTaskPool | undefined> {
  if (!config || config._target_ === "DummyTaskPool") return undefined;
  const [{ ImageClassificationTaskPool }, { AutoImageProcessor }, hub] =
    await Promise.all([
      import("../taskpool/mod.ts"),
      import("../convnext/mod.ts"),
      import("../hub/mod.ts"),
    ]);
  const test_datasets = datasetEntries("test", config.test_datasets);
  const processor = config.processor
    ? await AutoImageProcessor.fromPretrained(
      await hub.resolveModelPath(config.processor),
    )
    : await loadProcessor();
  return new ImageClassificationTaskPool({
    test_datasets,
    processor,
    dataloader_kwargs: config.dataloader_kwargs,
  });
}

/** Loads the method of a run, its parameters checked against its schema. */
export async function createMethod(
  { path, parameters }: MethodConfig,
  where: ComposedConfig<RunConfig>["where"],
  seed?: number | null,
): Promise<BoundMethod> {
  const { importMethod } = await import("../method/mod.ts");
  const { method, module } = await importMethod(path);
  return {
    name: path,
    parameters: validateParameters(
      method.parameters,
      withSeed(parameters, method, seed),
      where,
      "method",
    ),
    method,
    module,
  };
}

/** A run's `seed` is the method's, where that has one and says no other. */
function withSeed(
  parameters: Record<string, unknown>,
  { parameters: schema }: BoundMethod["method"],
  seed: number | null | undefined,
): Record<string, unknown> {
  const { shape } = schema.def as { shape?: Record<string, unknown> };
  return seed !== null && seed !== undefined && shape && "seed" in shape
    ? { seed, ...parameters }
    : parameters;
}
