import { join } from "@std/path";
import {
  elementCount,
  openSafetensors,
  type StateDict,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";

/** Where a merged model's folder keeps a task's mask. */
const FOLDER = "masks";
/** Name under which the masks' folder keeps the common ancestor. */
const PRETRAINED = "_pretrained_";
/** Name of a mask file's only tensor that is no mask. */
const SCALE = "scale";

/**
 * What gives each task its own backbone back from a merged one:
 * pretrained + scale * mask * (merged - pretrained).
 */
export interface TaskMasks {
  /** The common ancestor. */
  readonly pretrained: StateDict;
  /**
   * A state dict by task: for each masked tensor of n elements one of
   * [ceil(n / 8)] bytes, a bit an element, the first element in the highest bit
   * (as `numpy.packbits`), and `scale`, a number.
   */
  readonly masks: ReadonlyMap<string, StateDict>;
}

/** File of a task's mask, or of the common ancestor, in a merged folder. */
export function maskFile(folder: string, task: string = PRETRAINED): string {
  return join(folder, FOLDER, `${task}.safetensors`);
}

/** Opens the masks of a merged folder; undefined if it has none. */
export async function openTaskMasks(
  folder: string,
): Promise<TaskMasks | undefined> {
  const tasks: string[] = [];
  try {
    for await (const { name } of Deno.readDir(join(folder, FOLDER))) {
      if (name.endsWith(".safetensors")) tasks.push(name.slice(0, -12));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const masks = new Map<string, StateDict>();
  const pretrained = await openSafetensors(maskFile(folder));
  try {
    for (const task of tasks.sort()) {
      if (task === PRETRAINED) continue;
      masks.set(task, await openSafetensors(maskFile(folder, task)));
    }
  } catch (error) {
    closeTaskMasks({ pretrained, masks });
    throw error;
  }
  return { pretrained, masks };
}

/** Releases the masks' files. */
export function closeTaskMasks({ pretrained, masks }: TaskMasks): void {
  pretrained.close();
  for (const mask of masks.values()) mask.close();
}

/** Packs a mask of zeros and ones, eight elements a byte. */
export function packMask(mask: ArrayLike<number>): Float32Array {
  const bytes = new Float32Array(Math.ceil(mask.length / 8));
  const whole = mask.length >> 3;
  // Without a branch an element: a mask is as good as random.
  for (let byte = 0, i = 0; byte < whole; byte++, i += 8) {
    bytes[byte] = mask[i]! << 7 | mask[i + 1]! << 6 | mask[i + 2]! << 5 |
      mask[i + 3]! << 4 | mask[i + 4]! << 3 | mask[i + 5]! << 2 |
      mask[i + 6]! << 1 | mask[i + 7]!;
  }
  for (let i = whole * 8; i < mask.length; i++) {
    bytes[whole]! += mask[i]! << (7 - (i & 7));
  }
  return bytes;
}

/**
 * A task's tensors, computed when they are read: masked where there is a mask,
 * the merged model's elsewhere.
 *
 * @throws {CheckpointError} If there is no mask for the task.
 */
export function taskStateDict(
  merged: StateDict,
  { pretrained, masks }: TaskMasks,
  task: string,
): StateDict {
  const mask = masks.get(task);
  if (!mask) {
    throw new CheckpointError(
      `${merged.source}: no mask for task ${task}, it has masks for ${
        [...masks.keys()].join(", ")
      }`,
    );
  }
  const masked = new Set(mask.names);
  return {
    names: merged.names,
    source: mask.source,
    info: (name) => ({ dtype: "F32", shape: merged.info(name).shape }),
    async read(
      name,
      begin = 0,
      end = elementCount(merged.info(name).shape),
    ) {
      if (!masked.has(name)) return await merged.read(name, begin, end);
      const first = begin >> 3;
      const [values, start, bytes, [scale]] = await Promise.all([
        merged.read(name, begin, end),
        pretrained.read(name, begin, end),
        mask.read(name, first, Math.ceil(end / 8)),
        mask.read(SCALE),
      ]);
      for (let i = 0; i < values.length; i++) {
        const at = begin + i;
        const kept = bytes[(at >> 3) - first]! & (128 >> (at & 7));
        if (!kept) values[i] = start[i]!;
        // A scale of 1 gives merged weights back to the last bit.
        else if (scale !== 1) {
          values[i] = start[i]! + scale! * (values[i]! - start[i]!);
        }
      }
      return values;
    },
    close: () => {},
  };
}
