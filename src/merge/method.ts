import type * as tf from "@tensorflow/tfjs";
import type * as z from "zod";
import type { EnsembleRule } from "../convnext/mod.ts";
import type { ElementPasses } from "./elements/element_passes.ts";
import type { ElementPlan } from "./elements/plan.ts";
import type { NumberParameter } from "./number_parameter.ts";
import type { MergePool } from "./pool.ts";
import type { DataUse } from "./pool_data.ts";
import type { TaskMaskRule } from "./task_masks.ts";

/** What a method's plan may depend on. */
export interface PlanInput {
  /** The tensor's Hugging Face name. */
  readonly name: string;
  /** Names of the models, in the order of `models`. */
  readonly modelNames: readonly string[];
  /**
   * A parameter's value for this tensor, and for one model where it may differ
   * by model.
   */
  number(parameter: NumberParameter, model?: string): number;
}

/** What a method sees of one tensor, or of a chunk of it. */
export interface MergeInput extends PlanInput {
  /** Its whole shape, in Hugging Face's layout. */
  readonly shape: readonly number[];
  /** Index of the chunk's first element in the flattened tensor. */
  readonly begin: number;
  /** Names of the models, in the order of `models`. */
  readonly modelNames: readonly string[];
  /** Whether `pretrained` may be read: the pool has it and the method looks at it. */
  readonly hasPretrained: boolean;
  /**
   * The common ancestor's values: [elements] for `element` methods, `shape`
   * for `tensor` methods.
   * @throws {MethodError} If the pool has no `_pretrained_`.
   */
  readonly pretrained: tf.Tensor;
  /** The experts' values, shaped as `pretrained`. */
  readonly models: readonly tf.Tensor[];
}

/** What `prepare` may do while it passes over the pool. */
export interface PrepareContext {
  /** Names of the fusion targets' tensors, with their shapes. */
  readonly targets: ReadonlyMap<string, readonly number[]>;
  /** Elements to read at a time. */
  readonly chunkSize: number;
  /** Threads that count elements, where the pool is worth them. */
  readonly threads?: ElementPasses;
}

/**
 * An algorithm that merges a pool's fusion targets. It knows nothing of files:
 * the engine hands it one tensor, or a chunk of one, of every model.
 *
 * @typeParam P Its parameters.
 * @typeParam F Facts that `prepare` found in passes over the pool.
 */
export interface MergeMethod<P = unknown, F = unknown> {
  /** How much it must see at once: any chunk, or a whole tensor. */
  readonly granularity: "element" | "tensor";
  /**
   * What it does with a `_pretrained_` model: cannot do without, takes it where
   * the pool has one, or never looks at it.
   */
  readonly pretrained: "needed" | "optional" | "unused";
  /** Fewest experts that it merges. @default {1} */
  readonly minimumModels?: number;
  /** Most experts that it merges. @default {Infinity} */
  readonly maximumModels?: number;
  /**
   * Whether NaN or infinity anywhere in the sources gives the same in the
   * result, as sums do: the engine then looks for them there, which is cheaper.
   * @default {false}
   */
  readonly propagatesNonfinite?: boolean;
  /**
   * Whether it reads values of tensors that it computed (`dataSync`), as norms
   * and decompositions do. WebGPU hands those over later only: there such a
   * method runs on WebAssembly.
   * @default {false}
   */
  readonly readsValues?: boolean;
  /** Validates parameters and fills in FusionBench's defaults. */
  readonly parameters: z.ZodType<P>;
  /** Checks parameters against the pool; throws a `MethodError`. */
  check?(parameters: P, modelNames: readonly string[]): void;
  /**
   * For methods that look at images in `prepare`: which, so that it can be told
   * before and after a merge.
   */
  dataUse?(parameters: P): DataUse | undefined;
  /** Passes over the pool for global facts before merging. */
  prepare?(
    pool: MergePool,
    parameters: P,
    context: PrepareContext,
  ): Promise<F>;
  /**
   * For `element` methods that are a plan, see `elementMethod`: what `merge`
   * does with a tensor.
   */
  plan?(input: PlanInput, parameters: P, facts: F): ElementPlan;
  /** Merges one tensor or chunk; runs inside `tf.tidy`. */
  merge(input: MergeInput, parameters: P, facts: F): tf.Tensor;
  /** For methods that keep a mask for each task besides the merged model. */
  readonly taskMasks?: TaskMaskRule<P>;
  /**
   * For ensembles, which merge no weights: how the models' logits are combined.
   * `merge` is then not to be called.
   */
  ensemble?(parameters: P, modelNames: readonly string[]): EnsembleRule;
}

/** A method with its parameters, ready to run. */
export interface BoundMethod {
  /** Its preset's path, such as `linear/weighted_average`. */
  readonly name: string;
  /** Its parameters, defaults filled in. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The algorithm. */
  readonly method: MergeMethod<Readonly<Record<string, unknown>>>;
  /** URL of the module that exports it, so that other threads can load it. */
  readonly module?: string;
}
