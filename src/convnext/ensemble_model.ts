import * as tf from "@tensorflow/tfjs";
import { MethodError, ModelPoolError } from "../fusion_error.ts";
import { type ConvNextConfig, numLabels } from "./config.ts";
import { combineLogits, type EnsembleRule } from "./ensemble_rule.ts";
import { configOf, setMetadata } from "./metadata.ts";
import { backboneOf } from "./model.ts";
import type { MultiTask } from "./multi_task.ts";
import { sameLabels } from "./same_labels.ts";

/** A member's backbone under the head that classifies its features. */
interface Branch {
  backbone: tf.LayersModel;
  classifier: tf.layers.Layer;
}

/** All branches, and the combination of their logits. */
class EnsembleLayer extends tf.layers.Layer {
  static readonly className = "Ensemble";
  readonly #branches: readonly Branch[];
  readonly #rule: EnsembleRule;
  readonly #labels: number;

  constructor(
    branches: readonly Branch[],
    rule: EnsembleRule,
    labels: number,
  ) {
    super({ name: "ensemble" });
    this.#branches = branches;
    this.#rule = rule;
    this.#labels = labels;
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0] ?? null, this.#labels];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const pixelValues = Array.isArray(inputs) ? inputs[0]! : inputs;
    return tf.tidy(() =>
      combineLogits(
        this.#branches.map(({ backbone, classifier }) =>
          classifier.apply(backbone.apply(pixelValues)) as tf.Tensor
        ),
        this.#rule,
      )
    );
  }
}

/**
 * An ensemble: its members all classify an image, and their logits are
 * combined.
 *
 * If all members name the same classes in the same order, each keeps its own
 * head, and every task is treated alike; that is FusionBench's ensemble. If they
 * do not, there are as many tasks as members, and a task's head is put on every
 * member's backbone. Its models hold no weights of their own: they are to be
 * applied, not trained or saved.
 */
export class EnsembleModel implements MultiTask {
  /** What messages call it. */
  readonly name: string = "ensemble";
  /** The members by name. */
  readonly members: ReadonlyMap<string, tf.LayersModel>;
  /** How their logits are combined. */
  readonly rule: EnsembleRule;
  readonly #configs: ReadonlyMap<string, ConvNextConfig>;
  readonly #models = new Map<string | undefined, tf.LayersModel>();

  /**
   * Puts models together; nothing is copied.
   *
   * @param members At least one; they are the ensemble's from now on.
   * @param rule How their logits are combined.
   */
  constructor(
    members: ReadonlyMap<string, tf.LayersModel>,
    rule: EnsembleRule,
  ) {
    this.members = members;
    this.rule = rule;
    this.#configs = new Map(
      Array.from(members, ([name, model]) => [name, configOf(model)]),
    );
  }

  /** The ensemble under the members' own heads. */
  get model(): tf.LayersModel {
    const different = this.#differentLabels();
    if (!different) return this.#build(undefined);
    const [[first, ours], [second, theirs]] = different;
    throw new MethodError(
      `ensemble: models ${first} and ${second} do not name the same classes (${
        numLabels(ours)
      } and ${
        numLabels(theirs)
      } of them), expected a task, whose head is then put on every backbone`,
    );
  }

  /** The members' names, unless all have the same classes. */
  get tasks(): string[] {
    return this.#differentLabels() ? [...this.members.keys()] : [];
  }

  /** The ensemble under a task's head, or under the members' own. */
  // deno-lint-ignore require-await -- errors are rejections
  async forTask(task: string): Promise<tf.LayersModel> {
    if (!this.#differentLabels()) return this.#build(undefined);
    if (this.members.has(task)) return this.#build(task);
    throw new ModelPoolError(
      `ensemble: no head for task ${task}, it has heads for ${
        this.tasks.join(", ")
      }`,
    );
  }

  /** Runs something with the ensemble of a task; no weights belong to it. */
  async withTask<Result>(
    task: string,
    use: (model: tf.LayersModel) => Promise<Result>,
  ): Promise<Result> {
    return await use(await this.forTask(task));
  }

  /** Number of weights of all members. */
  countParameters(): number {
    return [...this.members.values()]
      .reduce((sum, member) => sum + member.countParams(), 0);
  }

  /** Releases the members. */
  // deno-lint-ignore require-await
  async dispose(): Promise<void> {
    for (const member of this.members.values()) member.dispose();
    this.#models.clear();
  }

  /** @param task Whose head is put on every backbone; default: each its own. */
  #build(task: string | undefined): tf.LayersModel {
    const existing = this.#models.get(task);
    if (existing) return existing;
    const head = task === undefined
      ? undefined
      : this.members.get(task)!.getLayer("classifier");
    const config = task === undefined
      ? this.#configs.values().next().value!
      : this.#configs.get(task)!;
    const branches = Array.from(this.members.values(), (member) => ({
      backbone: backboneOf(member),
      classifier: head ?? member.getLayer("classifier"),
    }));
    const pixelValues = tf.input({
      shape: [null, null, config.num_channels],
      name: "pixel_values",
    });
    const layer = new EnsembleLayer(branches, this.rule, numLabels(config));
    const model = tf.model({
      name: this.name,
      inputs: pixelValues,
      outputs: layer.apply(pixelValues) as tf.SymbolicTensor,
    });
    setMetadata(model, { fusion_targets: [], config });
    this.#models.set(task, model);
    return model;
  }

  /** The first member and one whose classes are others, if there is one. */
  #differentLabels():
    | [[string, ConvNextConfig], [string, ConvNextConfig]]
    | undefined {
    const [first, ...others] = this.#configs;
    const different = others.find(([, config]) =>
      !sameLabels(first![1], config)
    );
    return different && [first!, different];
  }
}
