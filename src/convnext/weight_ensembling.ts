import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  elementCount,
  openSafetensors,
  type SafetensorsFile,
  saveTensors,
  type StateDict,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { ConvNextLayer } from "./convnext_layer.ts";
import { type Head, withHead } from "./head.ts";
import { configOf } from "./metadata.ts";
import { attachHead, backboneOf } from "./model.ts";
import type { ModelPart } from "./model_part.ts";
import { openPartFiles, partFile } from "./part_files.ts";
import {
  type BlockExperts,
  PRODUCT_TENSORS,
  type RouterWeights,
  WeightEnsemblingLayer,
} from "./weight_ensembling_layer.ts";

/** Where a merged model's folder keeps routers and experts. */
const FOLDER = "routers";
const EXPERTS = "experts";
const ROUTERS = "routers";
const PRETRAINED = "_pretrained_";

/** Whether a tensor is one of a block's products, which experts keep. */
export function isProductTensor(name: string): boolean {
  return PRODUCT_TENSORS.some((tensor) => name.endsWith(`.${tensor}`));
}

/**
 * Weight-ensembling mixture of experts: in each block a router merges the
 * experts' products anew for each image.
 *
 * https://arxiv.org/abs/2402.00433
 */
export class WeightEnsembling implements ModelPart {
  /** Name of the folder that a saved model keeps it in. */
  readonly folder: string = FOLDER;
  /** All tasks share one backbone. */
  readonly hasTaskBackbones: boolean = false;
  /** The pretrained products, by their tensors' names. */
  readonly pretrained: StateDict;
  /** The experts' products by name; routers weigh them in this order. */
  readonly experts: ReadonlyMap<string, StateDict>;
  #routers: StateDict;
  #layers: WeightEnsemblingLayer[] = [];
  #original: tf.LayersModel | undefined;

  /**
   * Takes everything over.
   *
   * @param routers The routers' tensors in PyTorch's layout, [out, in], each
   * named after its block.
   */
  constructor(
    pretrained: StateDict,
    experts: ReadonlyMap<string, StateDict>,
    routers: StateDict,
  ) {
    this.pretrained = pretrained;
    this.experts = experts;
    this.#routers = routers;
  }

  /** The routers' tensors as they were when they were last downloaded. */
  get routers(): StateDict {
    return this.#routers;
  }

  /** Takes other values of the routers' tensors. */
  set routers(routers: StateDict) {
    this.#routers = routers;
  }

  /** The blocks with routers, once attached. */
  get layers(): readonly WeightEnsemblingLayer[] {
    return this.#layers;
  }

  /** Puts a router and experts into every block. */
  async attach(model: tf.LayersModel): Promise<tf.LayersModel> {
    const backbone = backboneOf(model);
    const pixelValues = tf.input({
      shape: backbone.inputs[0]!.shape.slice(1),
      name: "routed_pixel_values",
    });
    let features = pixelValues;
    for (const layer of backbone.layers) {
      if (layer.getClassName() === "InputLayer") continue;
      const routed = layer instanceof ConvNextLayer
        ? await this.#routedLayer(`${backbone.name}.${layer.name}`, layer)
        : layer;
      features = routed.apply(features) as tf.SymbolicTensor;
    }
    const routedBackbone = tf.model({
      name: backbone.name,
      inputs: pixelValues,
      outputs: features,
    });
    const attached = attachHead(routedBackbone, configOf(model), {
      initialize: false,
    });
    const weights = model.getLayer("classifier").getWeights();
    attached.getLayer("classifier").setWeights(weights);
    // What is not a block belongs to both; the blocks are still asked for what
    // their products are put in the midst of.
    this.#original = model;
    return attached;
  }

  async #routedLayer(
    path: string,
    block: ConvNextLayer,
  ): Promise<WeightEnsemblingLayer> {
    const pretrained: Record<string, tf.Tensor> = {};
    const vectors: Record<string, tf.Tensor2D> = {};
    for (const tensor of PRODUCT_TENSORS) {
      const name = `${path}.${tensor}`;
      const { shape } = this.pretrained.info(name);
      const start = await this.pretrained.read(name);
      const rows: tf.Tensor1D[] = [];
      const toOurs = (values: Float32Array): tf.Tensor =>
        tf.tidy(() => {
          const weight = tf.tensor(values, [...shape]);
          return shape.length === 2 ? tf.transpose(weight) : weight;
        });
      for (const expert of this.experts.values()) {
        const values = await expert.read(name);
        const vector = values.map((value, i) => value - start[i]!);
        rows.push(tf.tidy(() => tf.reshape(toOurs(vector), [-1])));
      }
      pretrained[tensor] = toOurs(start);
      vectors[tensor] = tf.stack(rows) as tf.Tensor2D;
      tf.dispose(rows);
    }
    const experts: BlockExperts = { pretrained, vectors };
    const layer = new WeightEnsemblingLayer(
      block,
      experts,
      await this.#router(path),
    );
    this.#layers.push(layer);
    return layer;
  }

  async #router(path: string): Promise<RouterWeights> {
    const router = new Map<string, tf.Variable>();
    for (const name of this.#routers.names) {
      if (!name.startsWith(`${path}.`)) continue;
      const { shape } = this.#routers.info(name);
      const values = await this.#routers.read(name);
      router.set(
        name.slice(path.length + 1),
        tf.tidy(() => {
          const weight = tf.tensor(values, [...shape]);
          return tf.variable(
            shape.length === 2 ? tf.transpose(weight) : weight,
          );
        }),
      );
    }
    if (router.size > 0) return router;
    throw new CheckpointError(
      `${this.#routers.source}: no router of block ${path}, expected one for each block`,
    );
  }

  /** The shared backbone with its routers, under a head. */
  forTask(model: tf.LayersModel, head: Head): Promise<tf.LayersModel> {
    return withHead(model, head);
  }

  /** Number of weights of blocks, of the experts' products and the routers. */
  countParameters(): number {
    let count = 0;
    for (const layer of this.#layers) {
      for (const [name, { shape }] of Object.entries(layer.namedWeights())) {
        if (!isProductTensor(`.${name}`)) {
          count += elementCount(shape as number[]);
        }
      }
    }
    for (
      const part of [this.#routers, this.pretrained, ...this.experts.values()]
    ) {
      for (const name of part.names) {
        count += elementCount(part.info(name).shape);
      }
    }
    return count;
  }

  /** Writes `routers.safetensors`, `_pretrained_.safetensors`, `experts/`. */
  async save(folder: string): Promise<void> {
    await saveTensors(partFile(folder, ROUTERS), this.#routers, {
      metadata: {
        format: "pt",
        experts: JSON.stringify([...this.experts.keys()]),
      },
    });
    await saveTensors(partFile(folder, PRETRAINED), this.pretrained);
    await Deno.mkdir(join(folder, EXPERTS));
    for (const [name, expert] of this.experts) {
      await saveTensors(partFile(join(folder, EXPERTS), name), expert);
    }
  }

  /** Releases files and blocks. */
  close(): void {
    this.#original?.dispose();
    this.pretrained.close();
    this.#routers.close();
    for (const expert of this.experts.values()) expert.close();
  }
}

/** Opens the routers and experts of a merged folder; undefined if it has none. */
export async function openWeightEnsembling(
  folder: string,
): Promise<WeightEnsembling | undefined> {
  const path = join(folder, FOLDER);
  const files = await openPartFiles(path);
  if (!files) return undefined;
  const experts = await openPartFiles(join(path, EXPERTS)) ??
    new Map<string, SafetensorsFile>();
  const close = () => {
    for (const file of [...files.values(), ...experts.values()]) file.close();
  };
  try {
    const routers = files.get(ROUTERS) ??
      await openSafetensors(partFile(path, ROUTERS));
    const pretrained = files.get(PRETRAINED) ??
      await openSafetensors(partFile(path, PRETRAINED));
    const order = expertsOf(routers);
    const missing = order.find((name) => !experts.has(name));
    if (missing !== undefined) {
      throw new CheckpointError(
        `${
          partFile(join(path, EXPERTS), missing)
        }: not found, expected an expert that ${routers.source} weighs`,
      );
    }
    return new WeightEnsembling(
      pretrained,
      new Map(order.map((name) => [name, experts.get(name)!])),
      routers,
    );
  } catch (error) {
    close();
    throw error;
  }
}

/** The experts' names in the order in which routers weigh them. */
function expertsOf(routers: SafetensorsFile): string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(routers.metadata["experts"]!));
  } catch {
    throw new CheckpointError(
      `${routers.source}: no experts in its metadata, expected a JSON list of their names`,
    );
  }
}
