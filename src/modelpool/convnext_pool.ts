import type * as tf from "@tensorflow/tfjs";
import {
  checkNotSource,
  checkReplaceable,
  type StateDict,
} from "../checkpoint/mod.ts";
import {
  AutoImageProcessor,
  type ConvNextConfig,
  convNextFromStateDict,
  type Head,
  MultiTaskModel,
} from "../convnext/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import { type PublicName, publicName } from "../hub/mod.ts";
import { closePool, type MergePool, taskVector } from "../merge/mod.ts";
import { type AlignmentOptions, PoolAlignment } from "./align_model.ts";
import { BaseModelPool, type BaseModelPoolOptions } from "./base_pool.ts";
import {
  checkedEntryConfig,
  type ConvNextEntry,
  entryFolder,
  entryPath,
  loadEntry,
  loadEntryConfig,
  openEntry,
} from "./convnext_entry.ts";
import { saveModel, type SaveModelOptions } from "./save_model.ts";

/** What a ConvNeXt pool is made of. */
export interface ConvNextPoolOptions
  extends BaseModelPoolOptions<ConvNextEntry> {
  /**
   * Orders the models' channels as those of `_pretrained_` (or of the first
   * model) are, for models that do not share a start.
   */
  alignment?: AlignmentOptions | AlignmentOptions["method"] | null | undefined;
}

/**
 * ConvNeXt image classifiers to merge, as FusionBench's
 * `ConvNextForImageClassificationPool`: the `convnext` backbone is the fusion
 * target, every expert keeps its head.
 *
 * @example
 * ```ts ignore
 * const pool = new ConvNextForImageClassificationPool({
 *   models: { _pretrained_: "facebook/convnext-base-224" },
 * });
 * const model = await pool.loadModel("_pretrained_");
 * const processor = await pool.loadProcessor();
 * ```
 */
export class ConvNextForImageClassificationPool
  extends BaseModelPool<ConvNextEntry> {
  /** How models are aligned, if they are. */
  readonly alignment: AlignmentOptions | undefined;
  readonly #aligned: PoolAlignment | undefined;

  /**
   * A pool of models by name; nothing is opened.
   *
   * @param options Models, data sets, alignment.
   * @throws {ModelPoolError} If a name cannot be that of a folder.
   */
  constructor({ alignment, ...options }: ConvNextPoolOptions) {
    super(options);
    this.alignment = typeof alignment === "string"
      ? { method: alignment }
      : alignment ?? undefined;
    this.#aligned = this.alignment && new PoolAlignment(this, this.alignment);
  }

  /** Loads a model by its name in the pool, its path or its entry. */
  override async loadModel(
    nameOrEntry: string | ConvNextEntry,
  ): Promise<tf.LayersModel> {
    const entry = typeof nameOrEntry === "string"
      ? this.entries.get(nameOrEntry) ?? this.#notAName(nameOrEntry)
      : nameOrEntry;
    if (typeof nameOrEntry === "string" && this.#isAligned(nameOrEntry)) {
      const stateDict = await this.openStateDict(nameOrEntry);
      try {
        const config = await this.loadConfig(nameOrEntry);
        return await convNextFromStateDict(config, stateDict);
      } finally {
        stateDict.close();
      }
    }
    return await loadEntry(entry);
  }

  /** Like FusionBench, `loadModel` takes a path besides a model's name. */
  #notAName(text: string): string {
    return /[/\\]/.test(text) ? text : (this.entry(text), text);
  }

  /** The image processor of `_pretrained_`, or of the first model that has a path. */
  async loadProcessor(): Promise<AutoImageProcessor> {
    const folder = await this.#processorFolder();
    if (folder !== undefined) {
      return await AutoImageProcessor.fromPretrained(folder);
    }
    throw new ModelPoolError(
      "the model pool has only loaded models, expected one with a path to load the image processor from",
    );
  }

  /**
   * As {@linkcode loadProcessor}; undefined for a pool of loaded models or of
   * folders without `preprocessor_config.json`, which merges all the same.
   */
  async loadProcessorIfAny(): Promise<AutoImageProcessor | undefined> {
    const folder = await this.#processorFolder();
    return folder === undefined
      ? undefined
      : await AutoImageProcessor.fromPretrainedIfAny(folder);
  }

  async #processorFolder(): Promise<string | undefined> {
    const names = this.hasPretrained
      ? ["_pretrained_", ...this.modelNames]
      : this.modelNames;
    for (const name of names) {
      const folder = await this.modelPath(name);
      if (folder !== undefined) return folder;
    }
    return undefined;
  }

  /** A model as the user named it: its path or repository id. */
  describeModel(name: string): string {
    return entryPath(this.entry(name)) ?? `${name} (loaded)`;
  }

  /** How others are told of a model: its repository, or its folder's name. */
  async publicName(name: string): Promise<PublicName> {
    const path = entryPath(this.entry(name));
    return path === undefined
      ? { text: this.describeModel(name), repositories: [] }
      : await publicName(path);
  }

  /** A model's folder on this machine; undefined for a loaded model. */
  async modelPath(name: string): Promise<string | undefined> {
    return await entryFolder(this.entry(name));
  }

  /**
   * Checks that a folder may be written without losing a model of the pool, or
   * what is no model.
   *
   * @throws {CheckpointError} If it is one of them, or holds or is in one, or
   * may not be replaced by a model.
   */
  async checkSavePath(path: string): Promise<void> {
    const sources = await Promise.all(
      this.allModelNames.map((name) => this.modelPath(name)),
    );
    await checkNotSource(
      path,
      sources.filter((source) => source !== undefined),
    );
    checkReplaceable(path);
  }

  /** A model's config; its labels are those of `dataset_name`, if given. */
  async loadConfig(name: string): Promise<ConvNextConfig> {
    return await loadEntryConfig(this.entry(name));
  }

  /** Whether a model's channels are put in another order. */
  #isAligned(name: string): boolean {
    return this.alignment !== undefined && this.entries.has(name) &&
      name !== this.pretrainedOrFirstName;
  }

  /**
   * Opens a model's state dict: its file, or a view of a loaded model; where the
   * pool aligns models, with its channels in the reference's order.
   */
  async openStateDict(name: string): Promise<StateDict> {
    const stateDict = await openEntry(this.entry(name));
    if (!this.#isAligned(name)) return stateDict;
    return await this.#aligned!.view(name, stateDict);
  }

  /** Opens every model for merging; nothing is loaded. */
  async openMergePool(): Promise<MergePool> {
    // What is not on this machine is downloaded, the models side by side.
    await Promise.all(this.allModelNames.map((name) => this.modelPath(name)));
    const models = new Map<string, StateDict>();
    try {
      await this.#checkConfigs();
      for (const name of this.modelNames) {
        models.set(name, await this.openStateDict(name));
      }
      return this.hasPretrained
        ? { pretrained: await this.openStateDict("_pretrained_"), models }
        : { models };
    } catch (error) {
      closePool({ models });
      throw error;
    }
  }

  /**
   * Checks that every model has the tensors that its config tells of, its head
   * among them, and that they compute alike: what merging cannot see.
   */
  async #checkConfigs(): Promise<void> {
    let first: { name: string; config: ConvNextConfig } | undefined;
    const names = this.hasPretrained
      ? ["_pretrained_", ...this.modelNames]
      : this.modelNames;
    for (const name of names) {
      const config = await checkedEntryConfig(this.entry(name));
      first ??= { name, config };
      for (const key of ["hidden_act", "layer_norm_eps"] as const) {
        if (config[key] === first.config[key]) continue;
        throw new ModelPoolError(
          `model ${name} (${this.describeModel(name)}): ${key} is ${
            config[key]
          }, that of ${first.name} is ${
            first.config[key]
          }: only models that compute alike can be merged`,
        );
      }
    }
  }

  /**
   * Each expert minus `_pretrained_`, computed when read. Whoever asks for them
   * closes them.
   */
  async taskVectors(): Promise<Map<string, StateDict>> {
    const pretrained = await this.openStateDict("_pretrained_");
    const vectors = new Map<string, StateDict>();
    const open = new Set<string>();
    for (const name of this.modelNames) {
      const expert = await this.openStateDict(name);
      open.add(name);
      vectors.set(name, {
        ...taskVector(expert, pretrained),
        close() {
          expert.close();
          if (open.delete(name) && open.size === 0) pretrained.close();
        },
      });
    }
    return vectors;
  }

  /**
   * The experts' heads by name, with weights read on demand. Whoever asks for
   * them closes their state dicts.
   */
  async heads(): Promise<Map<string, Head>> {
    const heads = new Map<string, Head>();
    try {
      for (const name of this.modelNames) {
        const config = await this.loadConfig(name);
        const stateDict = await this.openStateDict(name);
        heads.set(name, { config, stateDict });
      }
      return heads;
    } catch (error) {
      closeHeads(heads);
      throw error;
    }
  }

  /** A model of the pool under every expert's head. */
  async loadMultiTaskModel(name: string): Promise<MultiTaskModel> {
    return new MultiTaskModel(await this.loadModel(name), await this.heads());
  }

  /**
   * Saves model, heads, image processor and model card as a folder that
   * transformers loads. It is written beside its place and renamed.
   *
   * @param model What {@linkcode mergeModels} or `loadModel` gave.
   * @param path The folder; replaced if it holds a model.
   */
  async saveModel(
    model: MultiTaskModel | tf.LayersModel,
    path: string,
    options: SaveModelOptions = {},
  ): Promise<void> {
    const processor = options.processor ?? await this.loadProcessorIfAny();
    await saveModel(model, path, {
      ...options,
      ...(processor && { processor }),
    });
  }
}

/** Releases the heads' files. */
export function closeHeads(heads: ReadonlyMap<string, Head>): void {
  for (const { stateDict } of heads.values()) stateDict.close();
}
