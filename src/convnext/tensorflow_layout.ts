import {
  checkRange,
  elementCount,
  isContiguous,
  placesOf,
  shown,
  type StateDict,
  type TensorInfo,
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
  return name.endsWith("dwconv.weight") && rank === 4
    ? DEPTHWISE_TO_HUGGING_FACE
    : /\.grn\.\w+$/.test(name) // [1, 1, 1, channels] in both
    ? Array.from({ length: rank }, (_, axis) => axis)
    : TO_HUGGING_FACE[rank] ?? Array.from({ length: rank }, (_, axis) => axis);
}

/** Elements that are put in their places at a time. */
const BLOCK = 1 << 16;

/** A tensor as TensorFlow.js stores it, and how Hugging Face would. */
interface Source {
  readonly name: string;
  readonly shape: readonly number[];
  /** Stored elements from one index to the next, for each axis of `shape`. */
  readonly strides: readonly number[];
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
  const sources = new Map<string, Source>();
  for (const name of stateDict.names) {
    const renamed = huggingFaceName(name, backbone);
    if (sources.has(renamed)) {
      throw new CheckpointError(
        `${stateDict.source}: two tensors would be ${shown(renamed)}`,
      );
    }
    sources.set(renamed, sourceOf(name, renamed, stateDict.info(name).shape));
  }
  const get = (name: string): Source => {
    const source = sources.get(name);
    if (source) return source;
    throw new CheckpointError(
      `${stateDict.source} has no tensor for ${shown(name)}`,
    );
  };
  // Whoever reads chunk after chunk would read all of the tensor for each.
  let last: { name: string; values: Promise<Float32Array> } | undefined;
  const whole = (name: string, source: Source): Promise<Float32Array> => {
    if (last?.name !== name) {
      const values = stateDict.read(source.name)
        .then((stored) => rearranged(stored, source));
      last = { name, values };
      values.catch(() => last = undefined);
    }
    return last.values;
  };
  const read: StateDict["read"] = async (
    name,
    begin = 0,
    end = elementCount(get(name).shape),
  ) => {
    const source = get(name);
    checkRange(stateDict.source, name, source.shape, begin, end);
    return isContiguous(source.shape, source.strides)
      ? await stateDict.read(source.name, begin, end)
      : (await whole(name, source)).slice(begin, end);
  };
  return {
    // No location: what is opened there again has the other names.
    names: [...sources.keys()],
    source: stateDict.source,
    info(name): TensorInfo {
      const { name: stored, shape } = get(name);
      return { dtype: stateDict.info(stored).dtype, shape };
    },
    read,
    close() {
      last = undefined;
      stateDict.close();
    },
  };
}

/** `layer/kernel` is `convnext.layer.weight`; the head has no such prefix. */
function huggingFaceName(name: string, backbone: string): string {
  const path = name.replaceAll("/", ".").replace(/\.kernel$/, ".weight");
  return path.startsWith("classifier.") ? path : `${backbone}.${path}`;
}

function sourceOf(
  name: string,
  renamed: string,
  stored: readonly number[],
): Source {
  const axes = axesToHuggingFace(renamed, stored.length);
  const strides = stored.map((_, axis) => elementCount(stored.slice(axis + 1)));
  return {
    name,
    shape: axes.map((axis) => stored[axis]!),
    strides: axes.map((axis) => strides[axis]!),
  };
}

function rearranged(
  stored: Float32Array,
  { shape, strides }: Source,
): Float32Array {
  const values = new Float32Array(stored.length);
  for (let begin = 0; begin < values.length; begin += BLOCK) {
    const part = values.subarray(begin, begin + BLOCK);
    const places = placesOf(shape, strides, begin, begin + part.length);
    for (let i = 0; i < part.length; i++) part[i] = stored[places[i]!]!;
  }
  return values;
}
