import {
  elementCount,
  shown,
  type StateDict,
  type ViewedTensor,
  viewTensors,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import type { Architecture } from "./architecture.ts";

/**
 * How TensorFlow.js's layout turns into Hugging Face's: convolutions
 * [h, w, in, out] <-> [out, in, h, w], depthwise ones [h, w, channels, 1] <->
 * [channels, 1, h, w], products [in, out] <-> [out, in].
 */
const TO_HUGGING_FACE: Record<number, readonly number[]> = {
  1: [0],
  2: [1, 0],
  4: [3, 2, 0, 1],
};
const DEPTHWISE_TO_HUGGING_FACE = [2, 3, 0, 1];

/**
 * Axes of a TensorFlow.js tensor in Hugging Face's order.
 *
 * @param name The tensor's Hugging Face name.
 * @param rank How many axes it has.
 */
export function axesToHuggingFace(
  name: string,
  rank: number,
): readonly number[] {
  if (name.endsWith("dwconv.weight") && rank === 4) {
    return DEPTHWISE_TO_HUGGING_FACE;
  }
  const isSame = /\.grn\.\w+$/.test(name); // [1, 1, 1, channels] in both
  return (isSame ? undefined : TO_HUGGING_FACE[rank]) ??
    Array.from({ length: rank }, (_, axis) => axis);
}

/**
 * The weights of a ConvNeXt's LayersModel in Hugging Face's names, layouts and
 * shapes. It is a view; closing it closes the source.
 *
 * @param stateDict Has the names that `model.save` writes: the layer's, `/`,
 * the weight's.
 * @throws {CheckpointError} If two tensors would have the same name.
 */
export function tensorflowjsToHuggingFace(
  stateDict: StateDict,
  { backbone }: Architecture,
): StateDict {
  const tensors = new Map<string, ViewedTensor>();
  for (const stored of stateDict.names) {
    const name = huggingFaceName(stored, backbone);
    if (tensors.has(name)) {
      throw new CheckpointError(
        `${stateDict.source}: two tensors would be ${shown(name)}`,
      );
    }
    const { shape } = stateDict.info(stored);
    const axes = axesToHuggingFace(name, shape.length);
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
    tensors.set(name, {
      stored,
      shape: axes.map((axis) => shape[axis]!),
      strides: axes.map((axis) => strides[axis]!),
    });
  }
  return viewTensors(stateDict, tensors);
}

/** `layer/kernel` is `convnext.layer.weight`; the head has no such prefix. */
function huggingFaceName(name: string, backbone: string): string {
  const path = name.replaceAll("/", ".").replace(/\.kernel$/, ".weight");
  return path.startsWith("classifier.") ? path : `${backbone}.${path}`;
}
