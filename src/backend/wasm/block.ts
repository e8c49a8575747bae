import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../../fusion_error.ts";
import type {
  BlockKernels,
  BlockOptions,
  BlockWeights,
} from "../block_weights.ts";
import { emptyTensor } from "../tensor_memory.ts";
import { planChunks } from "./block_chunk.ts";
import { SIDE } from "./depthwise.ts";
import { activeTeam, addressOf } from "./active.ts";
import { PANEL_COLUMNS } from "./product.ts";

/** [in, out] as [out / 8, in, 8]. */
function panels(kernel: tf.Tensor): tf.Tensor {
  const [depth, columns] = kernel.shape as [number, number];
  return tf.transpose(
    tf.reshape(kernel, [depth, columns / PANEL_COLUMNS, PANEL_COLUMNS]),
    [1, 0, 2],
  );
}

/** Kernels as {@linkcode wasmBlock} takes them, where that can run. */
export function wasmPackBlock(
  { convolution, spread, gather }: BlockKernels,
): BlockKernels | undefined {
  const [channels, hidden] = spread.shape as [number, number];
  if (
    channels % PANEL_COLUMNS !== 0 || hidden % PANEL_COLUMNS !== 0 ||
    convolution.shape[0] !== SIDE || convolution.shape[1] !== SIDE ||
    activeTeam() === undefined
  ) return undefined;
  return tf.tidy(() => ({
    convolution: tf.transpose(
      tf.reshape(convolution, [SIDE * SIDE, channels / 4, 4]),
      [1, 0, 2],
    ),
    spread: panels(spread),
    gather: panels(gather),
  }));
}

/** A block of ConvNeXt. */
export function wasmBlock(
  features: tf.Tensor4D,
  weights: BlockWeights,
  { epsilon, activation }: BlockOptions,
): tf.Tensor4D {
  const team = activeTeam()!;
  const [images, height, width, channels] = features.shape;
  const hidden = weights.spreadBias.size;
  const { convolution, spread, gather } = weights.packed;
  for (
    const [kernel, shape] of [
      [convolution, [channels / 4, SIDE * SIDE, 4]],
      [spread, [hidden / PANEL_COLUMNS, channels, PANEL_COLUMNS]],
      [gather, [channels / PANEL_COLUMNS, hidden, PANEL_COLUMNS]],
    ] as [tf.Tensor, number[]][]
  ) {
    if (!tf.util.arraysEqual(kernel.shape, shape)) {
      throw new BackendError(
        `weights do not fit ${channels} channels, ${hidden} hidden: a packed kernel has the shape [${kernel.shape}], expected [${shape}]`,
      );
    }
  }
  const { chunks, scratchSize } = planChunks(
    { height, width, channels, hidden },
    team.threads,
  );
  const output = emptyTensor(features.shape) as tf.Tensor4D;
  const scratch = emptyTensor([team.threads, scratchSize]);
  team.run({
    input: addressOf(features),
    output: addressOf(output),
    convolution: addressOf(convolution),
    convolutionBias: addressOf(weights.convolutionBias),
    normWeight: addressOf(weights.normWeight),
    normBias: addressOf(weights.normBias),
    spread: addressOf(spread),
    spreadBias: addressOf(weights.spreadBias),
    gather: addressOf(gather),
    gatherBias: addressOf(weights.gatherBias),
    scratch: addressOf(scratch),
    scratchSize,
    height,
    width,
    channels,
    hidden,
    chunks,
    epsilon,
    gelu: activation === "gelu" ? 1 : 0,
  }, images * chunks);
  scratch.dispose();
  return output;
}
