import type { WasmProgram } from "./program.ts";

/** A block of ConvNeXt on the backend's memory; addresses are in bytes. */
export interface BlockJob {
  /** [images, height, width, channels] */
  input: number;
  /** The same shape. */
  output: number;
  /** [channels / 4, 7, 7, 4] */
  convolution: number;
  /** [channels] */
  convolutionBias: number;
  /** [channels] */
  normWeight: number;
  /** [channels] */
  normBias: number;
  /** [hidden / 8, channels, 8] */
  spread: number;
  /** [hidden] */
  spreadBias: number;
  /** [channels / 8, hidden, 8] */
  gather: number;
  /** [channels] */
  gatherBias: number;
  /** Where threads keep what lies between, {@linkcode scratchSize} each. */
  scratch: number;
  /** Values a thread has there. */
  scratchSize: number;
  height: number;
  width: number;
  channels: number;
  hidden: number;
  /** How many parts an image has. */
  chunks: number;
  epsilon: number;
  /** 1: GELU, 0: ReLU. */
  gelu: number;
}

/** The chunks of each image, and what a thread needs for the largest. */
export function planChunks(
  { height, width, channels, hidden }: Pick<
    BlockJob,
    "height" | "width" | "channels" | "hidden"
  >,
  threads: number,
): { chunks: number; scratchSize: number } {
  // What lies between the products of a chunk stays in a core's second cache.
  const HIDDEN_VALUES = 160_000;
  const pixels = height * width;
  const parts = Math.ceil(pixels * hidden / HIDDEN_VALUES / threads) * threads;
  const chunks = Math.min(parts, pixels);
  const most = Math.ceil(pixels / chunks);
  const lines = Math.min(height, Math.ceil((most - 1) / width) + 1) + 6;
  return {
    chunks,
    scratchSize: lines * (width + 6) * channels +
      most * (2 * channels + hidden),
  };
}

/**
 * Computes a chunk of an image's pixels. Threads get this function's source:
 * it may use nothing from outside.
 *
 * @param chunk Which, over all images.
 * @param thread Whose scratch to use.
 */
export function blockChunk(
  program: WasmProgram,
  job: BlockJob,
  chunk: number,
  thread: number,
): void {
  const { height, width, channels, hidden } = job;
  const pixels = height * width;
  const image = Math.floor(chunk / job.chunks);
  const part = chunk % job.chunks;
  const first = Math.floor(part * pixels / job.chunks);
  const last = Math.floor((part + 1) * pixels / job.chunks);
  const count = last - first;
  const pixelBytes = 4 * channels;
  const input = job.input + image * pixels * pixelBytes;
  const output = job.output + (image * pixels + first) * pixelBytes;

  // The lines that the chunk's windows touch, with a border of zeros.
  const top = Math.floor(first / width) - 3;
  const bottom = Math.floor((last - 1) / width) + 3;
  const lineSize = (width + 6) * channels;
  const padded = job.scratch + 4 * thread * job.scratchSize;
  const convolved = padded + 4 * (bottom - top + 1) * lineSize;
  const tiles = convolved + count * pixelBytes;
  const spread = tiles + count * pixelBytes;
  program.clear(padded, convolved - padded);
  for (let y = Math.max(0, top); y <= Math.min(height - 1, bottom); y++) {
    program.copy(
      padded + 4 * ((y - top) * lineSize + 3 * channels),
      input + y * width * pixelBytes,
      width * pixelBytes,
    );
  }
  for (let pixel = first; pixel < last;) {
    const y = Math.floor(pixel / width);
    const x = pixel % width;
    const run = Math.min(7, width - x, last - pixel);
    program[`depthwise${run}`]!(
      padded + 4 * ((y - 3 - top) * lineSize + x * channels),
      job.convolution,
      job.convolution + 49 * pixelBytes,
      job.convolutionBias,
      convolved + (pixel - first) * pixelBytes,
      4 * lineSize,
      pixelBytes,
    );
    pixel += run;
  }

  // Tiles of four rows, the last one of what is left.
  const whole = count - count % 4;
  const kinds = [
    { rows: 4, from: 0, to: whole },
    { rows: count % 4, from: whole, to: count },
  ].filter(({ from, to }) => from < to);
  for (const { rows, from, to } of kinds) {
    for (let row = from; row < to; row += rows) {
      program.layerNorm(
        convolved + row * pixelBytes,
        convolved + (row + rows) * pixelBytes,
        tiles + row * pixelBytes,
        job.normWeight,
        job.normBias,
        pixelBytes,
        channels,
        job.epsilon,
        16,
        16 * rows,
      );
    }
  }
  for (let column = 0; column < hidden; column += 8) {
    for (const { rows, from, to } of kinds) {
      program[`product${rows}`]!(
        tiles + from * pixelBytes,
        tiles + to * pixelBytes,
        rows * pixelBytes,
        job.spread + column * pixelBytes,
        job.spreadBias + 4 * column,
        spread + 4 * (from * hidden + column * rows),
        4 * rows * hidden,
        16,
        16 * rows,
      );
    }
  }
  const spreadEnd = spread + 4 * count * hidden;
  if (job.gelu === 1) program.gelu(spread, spreadEnd);
  else program.relu(spread, spreadEnd);
  for (let column = 0; column < channels; column += 8) {
    for (const { rows, from, to } of kinds) {
      program[`product${rows}`]!(
        spread + 4 * from * hidden,
        spread + 4 * to * hidden,
        4 * rows * hidden,
        job.gather + 4 * column * hidden,
        job.gatherBias + 4 * column,
        output + from * pixelBytes + 4 * column,
        rows * pixelBytes,
        pixelBytes,
        16,
      );
    }
  }
  program.add(
    output,
    output + count * pixelBytes,
    input + first * pixelBytes,
  );
}
