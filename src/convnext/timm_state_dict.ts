import {
  shown,
  type StateDict,
  type ViewedTensor,
  viewTensors,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { type Architecture, ARCHITECTURES } from "./architecture.ts";
import { huggingFaceName, timmName } from "./timm_names.ts";

/** Whether tensors are named as timm names a ConvNeXt's. */
export function isTimmStateDict(stateDict: StateDict): boolean {
  return stateDict.names.includes("stem.0.weight") &&
    stateDict.names.some((name) => name.startsWith("stages.0.blocks.0."));
}

/** Whether pointwise products are 1x1 convolutions: timm's `conv_mlp`. */
export function hasConvolutions(stateDict: StateDict): boolean {
  const name = "stages.0.blocks.0.mlp.fc1.weight";
  return stateDict.names.includes(name) &&
    stateDict.info(name).shape.length === 4;
}

/** The architecture whose tensors a state dict with timm's names holds. */
export function timmArchitecture(stateDict: StateDict): Architecture {
  return stateDict.names.some((name) => name.includes(".mlp.grn."))
    ? ARCHITECTURES.convnextv2
    : ARCHITECTURES.convnext;
}

/**
 * A timm ConvNeXt's state dict under transformers' names, in its shapes. It is
 * a view; closing it closes the source.
 *
 * @throws {CheckpointError} If a part of the model has a tensor that
 * transformers' ConvNeXt has not, as those with an overlapping stem or the norm
 * before pooling.
 */
export function timmToHuggingFace(stateDict: StateDict): StateDict {
  const { backbone } = timmArchitecture(stateDict);
  return renamed(
    stateDict,
    (name) =>
      huggingFaceName(name, backbone) ??
        (isTimmModule(name) ? undefined : name),
    (name, shape) =>
      /\.pwconv\d\.weight$/.test(name) && shape.length === 4
        ? shape.slice(0, 2) // 1x1 convolutions, as timm's `conv_mlp` has
        : /\.grn\.\w+$/.test(name)
        ? [1, 1, 1, ...shape]
        : shape,
    "transformers",
  );
}

/**
 * A transformers ConvNeXt's state dict under timm's names, in its shapes.
 *
 * @param convolutions Pointwise products as 1x1 convolutions: `conv_mlp`.
 * @throws {CheckpointError} If it has a tensor that timm's ConvNeXt has not.
 */
export function huggingFaceToTimm(
  stateDict: StateDict,
  { backbone }: Architecture,
  convolutions = false,
): StateDict {
  return renamed(
    stateDict,
    (name) => timmName(name, backbone),
    (name, shape) =>
      convolutions && /\.mlp\.fc\d\.weight$/.test(name)
        ? [...shape, 1, 1]
        : name.includes(".mlp.grn.")
        ? shape.slice(3)
        : shape,
    "timm",
  );
}

/**
 * Whether a tensor belongs to one of the modules that a ConvNeXt of timm
 * computes with; other ones, as an optimiser's, change nothing.
 */
function isTimmModule(name: string): boolean {
  return /^(stem|stages|norm_pre|head)\./.test(name);
}

/** Other names and shapes; elements lie in the same order in both. */
function renamed(
  stateDict: StateDict,
  rename: (name: string) => string | undefined,
  reshape: (name: string, shape: readonly number[]) => readonly number[],
  library: string,
): StateDict {
  const tensors = new Map<string, ViewedTensor>();
  for (const stored of stateDict.names) {
    const name = rename(stored);
    if (name === undefined || tensors.has(name)) {
      throw new CheckpointError(
        `${stateDict.source}: tensor ${
          shown(stored)
        } has no counterpart in ${library}' ConvNeXt`,
      );
    }
    const { shape } = stateDict.info(stored);
    tensors.set(name, { stored, shape: reshape(name, shape) });
  }
  return viewTensors(stateDict, tensors);
}
