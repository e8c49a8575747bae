import type * as tf from "@tensorflow/tfjs";
import { emptyTensor } from "../tensor_memory.ts";
import { activeProgram, addressOf } from "./active.ts";
import type { WasmProgram } from "./program.ts";

/** The program, if it can work on this many values of these tensors. */
function programFor(
  size: number,
  tensors: tf.Tensor[],
): WasmProgram | undefined {
  const program = activeProgram();
  return program && size > 0 && size % 4 === 0 &&
      tensors.every(({ dtype }) => dtype === "float32")
    ? program
    : undefined;
}

/**
 * Applies the exact GELU to a tensor that nobody else holds.
 *
 * @returns Whether it did: on wasm with SIMD.
 */
export function geluInPlace(x: tf.Tensor): boolean {
  const program = programFor(x.size, [x]);
  if (!program) return false;
  const address = addressOf(x);
  program.gelu(address, address + 4 * x.size);
  return true;
}

/**
 * Adds a tensor of the same shape to one that nobody else holds.
 *
 * @returns Whether it did: on wasm with SIMD.
 */
export function addInPlace(x: tf.Tensor, other: tf.Tensor): boolean {
  const program = x.size === other.size
    ? programFor(x.size, [x, other])
    : undefined;
  if (!program) return false;
  const address = addressOf(x);
  program.add(address, address + 4 * x.size, addressOf(other));
  return true;
}

/** LayerNorm over the last axis, on wasm with SIMD. */
export function wasmLayerNorm(
  features: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor | undefined {
  const channels = features.shape.at(-1) ?? 0;
  const program = programFor(channels, [features, weight, bias]);
  if (!program || features.size === 0) return undefined;
  const normalized = emptyTensor(features.shape);
  const address = addressOf(features);
  program.layerNorm(
    address,
    address + 4 * features.size,
    addressOf(normalized),
    addressOf(weight),
    addressOf(bias),
    4 * channels,
    channels,
    epsilon,
    4 * channels,
    16,
  );
  return normalized;
}
