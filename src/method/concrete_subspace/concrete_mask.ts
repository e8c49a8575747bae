import { openCheckpoint, SafetensorsWriter } from "../../checkpoint/mod.ts";
import { MethodError } from "../../fusion_error.ts";
import { randomUniform } from "../../merge/mod.ts";

/** Logits, or a mask, by tensor. */
export type Mask = Map<string, Float32Array>;

/** Whether a mask's elements are 0 and 1, or between them. */
export type MaskType = "discrete" | "continuous";

/** How a mask is drawn. */
export interface SampleOptions {
  /** Whether its elements are 0 and 1, or between them. */
  type: MaskType;
  /** The lower, the nearer to 0 and 1 continuous elements are. */
  temperature: number;
  /** Chooses the random numbers. */
  seed: number;
  /** Tells one draw from another. */
  draw: string;
}

/** A mask that was drawn. */
export interface Sample {
  /** Elements, 0 to 1. */
  readonly drawn: Float32Array;
  /** Their mean. */
  readonly mean: number;
  /** Elements divided by the mean, so that a task vector keeps its size. */
  readonly mask: Float32Array;
}

/** As torch's `clamp_probs`. */
const EPSILON = 2 ** -23;

/**
 * Draws one tensor's mask from its logits: each element from a Bernoulli
 * distribution, relaxed to be differentiable (Concrete) where it is continuous.
 *
 * https://arxiv.org/abs/1611.00712
 */
export function sampleMask(
  name: string,
  logits: Float32Array,
  { type, temperature, seed, draw }: SampleOptions,
): Sample {
  const drawn = randomUniform(seed, ["mask", draw, name], 0, logits.length);
  let sum = 0;
  for (let i = 0; i < drawn.length; i++) {
    const u = Math.min(1 - EPSILON, Math.max(EPSILON, drawn[i]!));
    drawn[i] = type === "discrete"
      ? (drawn[i]! < sigmoid(logits[i]!) ? 1 : 0)
      : sigmoid((Math.log(u) - Math.log1p(-u) + logits[i]!) / temperature);
    sum += drawn[i]!;
  }
  const mean = sum / drawn.length;
  // A tensor of which nothing is kept has no scale: it stays as pretrained.
  const mask = mean === 0 ? drawn : drawn.map((value) => value / mean);
  return { drawn, mean, mask };
}

/** The loss's gradient by logits, from that by the mask divided by its mean. */
export function logitGradient(
  { drawn, mean, mask }: Sample,
  byMask: Float32Array,
  temperature: number,
): Float32Array {
  let along = 0;
  for (let i = 0; i < mask.length; i++) along += byMask[i]! * mask[i]!;
  along /= mask.length;
  return byMask.map((slope, i) =>
    (slope - along) / mean * drawn[i]! * (1 - drawn[i]!) / temperature
  );
}

/**
 * Reads logits that a run has saved.
 * @throws {MethodError} If they are not of these tensors.
 */
export async function readMask(
  path: string,
  targets: ReadonlyMap<string, readonly number[]>,
): Promise<Mask> {
  const stateDict = await openCheckpoint(path);
  try {
    const logits: Mask = new Map();
    for (const [name, shape] of targets) {
      const found = stateDict.names.includes(name)
        ? `${stateDict.info(name).shape}`
        : undefined;
      if (found !== `${shape}`) {
        throw new MethodError(
          `mask_checkpoint: ${path}: tensor ${name} ${
            found === undefined ? "is missing" : `has shape [${found}]`
          }, expected [${shape}]`,
        );
      }
      logits.set(name, await stateDict.read(name));
    }
    return logits;
  } finally {
    stateDict.close();
  }
}

/** Writes logits as a safetensors file. */
export async function saveMask(
  path: string,
  logits: Mask,
  targets: ReadonlyMap<string, readonly number[]>,
): Promise<void> {
  const writer = await SafetensorsWriter.create(
    path,
    Array.from(targets, ([name, shape]) => ({ name, dtype: "F32", shape })),
  );
  try {
    for (const [name, values] of logits) await writer.write(name, 0, values);
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
