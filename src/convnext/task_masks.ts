import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import {
  elementCount,
  openSafetensors,
  saveTensors,
  type StateDict,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { type Head, withLabels } from "./head.ts";
import { convNextFromStateDict } from "./load_convnext.ts";
import { configOf } from "./metadata.ts";
import type { ModelPart } from "./model_part.ts";
import { openPartFiles, partFile } from "./part_files.ts";
import { stateDictOf } from "./weights.ts";

/** Where a merged model's folder keeps a task's mask. */
const FOLDER = "masks";
/** Name under which the masks' folder keeps the common ancestor. */
const PRETRAINED = "_pretrained_";
/** Name of a mask file's only tensor that is no mask. */
const SCALE = "scale";
/** What a mask file says of itself. */
export const MASK_METADATA: Readonly<Record<string, string>> = {
  format: "pt",
  rule: "pretrained + scale * mask * (merged - pretrained)",
};

/**
 * What gives each task its own backbone back from a merged one:
 * pretrained + scale * mask * (merged - pretrained).
 */
export class TaskMasks implements ModelPart {
  /** Name of the folder that a saved model keeps them in. */
  readonly folder: string = FOLDER;
  /** Every task has a backbone of its own. */
  readonly hasTaskBackbones: boolean = true;
  /** The common ancestor. */
  readonly pretrained: StateDict;
  /**
   * A state dict by task: for each masked tensor of n elements one of
   * [ceil(n / 8)] bytes, a bit an element, the first element in the highest bit
   * (as `numpy.packbits`), and `scale`, a number.
   */
  readonly masks: ReadonlyMap<string, StateDict>;

  /** Takes the files over. */
  constructor(pretrained: StateDict, masks: ReadonlyMap<string, StateDict>) {
    this.pretrained = pretrained;
    this.masks = masks;
  }

  /** A task's own backbone, given back by its mask, under its head. */
  async forTask(
    model: tf.LayersModel,
    { config, stateDict }: Head,
    task: string,
  ): Promise<tf.LayersModel> {
    const backbone = taskStateDict(stateDictOf(model), this, task);
    const of = (name: string): StateDict =>
      name.startsWith("classifier.") ? stateDict : backbone;
    return await convNextFromStateDict(withLabels(configOf(model), config), {
      names: backbone.names,
      source: backbone.source,
      info: (name) => of(name).info(name),
      read: (name, begin, end) => of(name).read(name, begin, end),
      close: () => {},
    });
  }

  /** Masks are no weights. */
  countParameters(): number {
    return 0;
  }

  /** Writes a file for each task's mask, and the common ancestor's. */
  async save(folder: string): Promise<void> {
    let masked: readonly string[] = [];
    for (const [task, mask] of this.masks) {
      await saveTensors(partFile(folder, task), mask, {
        metadata: MASK_METADATA,
      });
      masked = mask.names.filter((name) => name !== SCALE);
    }
    await saveTensors(
      partFile(folder, PRETRAINED),
      this.pretrained,
      { names: masked },
    );
  }

  /** Releases the masks' files. */
  close(): void {
    this.pretrained.close();
    for (const mask of this.masks.values()) mask.close();
  }
}

/** File of a task's mask, or of the common ancestor, in a merged folder. */
export function maskFile(folder: string, task: string = PRETRAINED): string {
  return partFile(join(folder, FOLDER), task);
}

/** Opens the masks of a merged folder; undefined if it has none. */
export async function openTaskMasks(
  folder: string,
): Promise<TaskMasks | undefined> {
  const files = await openPartFiles(join(folder, FOLDER));
  if (!files) return undefined;
  const pretrained = files.get(PRETRAINED) ??
    // To be told of the file that is missing.
    await openSafetensors(maskFile(folder));
  files.delete(PRETRAINED);
  return new TaskMasks(pretrained, files);
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
  { pretrained, masks }: Pick<TaskMasks, "pretrained" | "masks">,
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
