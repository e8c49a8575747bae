import type { StateDict } from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { listed } from "../listed.ts";
import { architectureOf } from "./architecture.ts";
import { type ConvNextConfig, numLabels } from "./config.ts";
import { isConvNextTensor } from "./timm_names.ts";

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

/** Names of surplus tensors that an error tells. */
const NAMED = 3;

/**
 * Checks that a state dict has what a config's classifier has, and no layer
 * more. Tensors that no ConvNeXt has may stand beside them.
 *
 * @throws {CheckpointError} If a tensor is missing or of another shape, or
 * belongs to a layer that the config does not know: without it the model would
 * compute something else.
 */
export function checkShapes(
  stateDict: StateDict,
  config: ConvNextConfig,
): void {
  checkTensors(stateDict, expectedShapes(config), config);
}

/**
 * As {@linkcode checkShapes}, for some tensors.
 *
 * @param expected Their names and shapes.
 * @param prefix What the names of all that are checked begin with.
 */
export function checkTensors(
  stateDict: StateDict,
  expected: ReadonlyMap<string, readonly number[]>,
  config: ConvNextConfig,
  prefix = "",
): void {
  const names = new Set(stateDict.names);
  for (const [name, shape] of expected) {
    if (!names.has(name)) {
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
  const { backbone } = architectureOf(config);
  const surplus = stateDict.names.filter((name) =>
    name.startsWith(prefix) && !expected.has(name) &&
    isConvNextTensor(name, backbone)
  );
  if (surplus.length === 0) return;
  throw new CheckpointError(
    `${stateDict.source}: ${surplus.length} ${
      surplus.length === 1 ? "tensor is" : "tensors are"
    } not in a ConvNeXt of its config.json: ${
      listed(surplus, NAMED)
    }; expected no layer but those of its depths [${config.depths}] and layer_scale_init_value ${config.layer_scale_init_value}`,
  );
}
