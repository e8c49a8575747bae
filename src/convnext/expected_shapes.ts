import type { StateDict } from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { architectureOf } from "./architecture.ts";
import { type ConvNextConfig, numLabels } from "./config.ts";

/**
 * Names and shapes, in Hugging Face's layout, that a config's classifier has.
 * As `weightShapes`, without building the model.
 */
export function expectedShapes(
  config: ConvNextConfig,
): Map<string, readonly number[]> {
  const { backbone, globalResponseNorm } = architectureOf(config);
  const shapes = new Map<string, readonly number[]>();
  const layer = (
    name: string,
    weight: readonly number[],
    bias = [weight[0]!],
  ): void => {
    shapes.set(`${name}.weight`, weight);
    shapes.set(`${name}.bias`, bias);
  };
  const { patch_size: patch, hidden_sizes: sizes, depths } = config;
  layer(`${backbone}.embeddings.patch_embeddings`, [
    sizes[0]!,
    config.num_channels,
    ...(typeof patch === "number" ? [patch, patch] : patch),
  ]);
  layer(`${backbone}.embeddings.layernorm`, [sizes[0]!]);
  for (const [stage, depth] of depths.entries()) {
    const path = `${backbone}.encoder.stages.${stage}`;
    const size = sizes[stage]!;
    if (stage > 0) {
      const before = sizes[stage - 1]!;
      layer(`${path}.downsampling_layer.0`, [before]);
      layer(`${path}.downsampling_layer.1`, [size, before, 2, 2]);
    }
    for (let i = 0; i < depth; i++) {
      const block = `${path}.layers.${i}`;
      layer(`${block}.dwconv`, [size, 1, 7, 7]);
      layer(`${block}.layernorm`, [size]);
      layer(`${block}.pwconv1`, [4 * size, size]);
      layer(`${block}.pwconv2`, [size, 4 * size]);
      if (globalResponseNorm) {
        layer(`${block}.grn`, [1, 1, 1, 4 * size], [1, 1, 1, 4 * size]);
      } else if (config.layer_scale_init_value > 0) {
        shapes.set(`${block}.layer_scale_parameter`, [size]);
      }
    }
  }
  layer(`${backbone}.layernorm`, [sizes.at(-1)!]);
  layer("classifier", [numLabels(config), sizes.at(-1)!]);
  return shapes;
}

/**
 * Checks that a state dict has just what a config's classifier has.
 *
 * @param others Whether it may have other tensors besides.
 * @throws {CheckpointError} If a tensor is missing, unknown or of another shape.
 */
export function checkShapes(
  stateDict: StateDict,
  config: ConvNextConfig,
  { others = false }: { others?: boolean } = {},
): void {
  const names = new Set(stateDict.names);
  for (const [name, shape] of expectedShapes(config)) {
    if (!names.delete(name)) {
      throw new CheckpointError(
        `${stateDict.source}: tensor ${name} is missing, expected one of shape [${shape}]`,
      );
    }
    const found = stateDict.info(name).shape;
    if (`${found}` !== `${shape}`) {
      throw new CheckpointError(
        `${stateDict.source}: tensor ${name} has shape [${found}], its config.json expects [${shape}]`,
      );
    }
  }
  if (others) return;
  for (const name of names) {
    throw new CheckpointError(
      `${stateDict.source}: tensor ${
        JSON.stringify(name)
      } is not in a ConvNeXt of its config.json`,
    );
  }
}
