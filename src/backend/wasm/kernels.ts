import * as tf from "@tensorflow/tfjs";
import { emptyTensor } from "../tensor_memory.ts";
import { wasmProgram } from "./program.ts";

/** Addresses are in bytes; every range holds a multiple of four values. */
interface Program {
  gelu(address: number, end: number): void;
  add(address: number, end: number, other: number): void;
  layerNorm(
    address: number,
    end: number,
    output: number,
    weight: number,
    bias: number,
    rowBytes: number,
    channels: number,
    epsilon: number,
  ): void;
}

/** What is used of TensorFlow.js' WebAssembly backend. */
interface WasmBackend {
  readonly wasm: {
    readonly wasmMemory?: WebAssembly.Memory;
    readonly asm?: { readonly memory?: WebAssembly.Memory };
  };
  readonly dataIdMap: {
    get(dataId: tf.DataId): { readonly memoryOffset: number | null };
  };
}

let prepared: { backend: WasmBackend; program?: Program } | undefined;

/** The program on the active backend's memory, where there is one. */
function activeProgram(): Program | undefined {
  if (tf.getBackend() !== "wasm") return undefined;
  const backend = tf.backend() as unknown as WasmBackend;
  if (prepared?.backend !== backend) {
    prepared = { backend };
    const memory = backend.wasm.wasmMemory ?? backend.wasm.asm?.memory;
    try {
      if (memory) {
        const shared = !(memory.buffer instanceof ArrayBuffer);
        const instance = new WebAssembly.Instance(
          new WebAssembly.Module(wasmProgram(shared)),
          { tfjs: { memory } },
        );
        prepared.program = instance.exports as unknown as Program;
      }
    } catch (error) {
      // A runtime without SIMD: TensorFlow.js' own operations do it.
      if (!(error instanceof WebAssembly.CompileError)) throw error;
    }
  }
  return prepared.program;
}

/** Where a tensor's values are. */
function addressOf({ dataId }: tf.Tensor): number {
  const { memoryOffset } = (tf.backend() as unknown as WasmBackend).dataIdMap
    .get(dataId);
  // Undefined, not null, would be a backend of another version.
  return memoryOffset!;
}

/** The program, if it can work on this many values of these tensors. */
function programFor(size: number, tensors: tf.Tensor[]): Program | undefined {
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
  );
  return normalized;
}
