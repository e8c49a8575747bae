import { basename, join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { listed } from "../listed.ts";
import { openPytorch } from "./pytorch_file.ts";
import { reasonOf } from "../reason.ts";
import { openSafetensors } from "./safetensors.ts";
import { openSharded, shardFiles } from "./sharded.ts";
import type { StateDict } from "./state_dict.ts";
import {
  openTensorflowjs,
  tensorflowjsWeightFiles,
} from "./tensorflowjs_file.ts";

/** A TensorFlow.js LayersModel's file, which names those of its weights. */
const TENSORFLOWJS = "model.json";

/** Files of a folder that may be its checkpoint: the first one there is. */
const CHECKPOINT_FILES = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  TENSORFLOWJS,
];

/** Folder entries that an error message lists. */
const LISTED_FILES = 10;

/**
 * Opens a checkpoint for reading; only names, types and shapes are read.
 *
 * @param path A `.safetensors` file, a file that `torch.save` wrote (`.bin`,
 * `.pt`, `.pth`, `.ckpt`), an index of shards of either kind
 * (`*.index.json`), a TensorFlow.js LayersModel's `model.json` (names, layouts
 * and shapes are TensorFlow.js' own), or a folder that has `model.safetensors`,
 * `model.safetensors.index.json`, `pytorch_model.bin`,
 * `pytorch_model.bin.index.json` or `model.json`; the first of them is taken.
 * @throws {CheckpointError} If there is no such checkpoint or it is not valid.
 */
export async function openCheckpoint(path: string): Promise<StateDict> {
  const file = await checkpointFile(path);
  return isIndex(file)
    ? await openSharded(file, openFile)
    : await openFile(file);
}

/**
 * The files that hold a checkpoint's tensors, in a fixed order; with shards
 * or a LayersModel, what names them first.
 *
 * @param path As for {@linkcode openCheckpoint}.
 * @returns File names within the folder (or within the file's folder).
 * @throws {CheckpointError} If there is no such checkpoint.
 */
export async function listCheckpointFiles(path: string): Promise<string[]> {
  const file = await checkpointFile(path);
  const others = isIndex(file)
    ? (await shardFiles(file)).values()
    : isTensorflowjs(file)
    ? await tensorflowjsWeightFiles(file)
    : [];
  return [basename(file), ...[...new Set(others)].sort()];
}

/** Whether there is a file that {@linkcode openCheckpoint} would open. */
export async function hasCheckpoint(path: string): Promise<boolean> {
  try {
    await checkpointFile(path);
    return true;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}

async function openFile(path: string): Promise<StateDict> {
  if (isTensorflowjs(path)) return await openTensorflowjs(path);
  return /\.(bin|pt|pth|ckpt)$/.test(path)
    ? await openPytorch(path)
    : await openSafetensors(path);
}

function isTensorflowjs(path: string): boolean {
  return basename(path) === TENSORFLOWJS;
}

function isIndex(path: string): boolean {
  return path.endsWith(".index.json");
}

async function checkpointFile(path: string): Promise<string> {
  let isFolder: boolean;
  try {
    isFolder = (await Deno.stat(path)).isDirectory;
  } catch (error) {
    throw new CheckpointError(
      `cannot open ${path}: ${reasonOf(error)}, expected a folder with ${
        CHECKPOINT_FILES[0]
      }, or a .safetensors file`,
      { cause: error },
    );
  }
  if (!isFolder) return path;
  const files: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) files.push(name);
  } catch (error) {
    throw new CheckpointError(`cannot list ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  for (const file of CHECKPOINT_FILES) {
    if (files.includes(file)) return join(path, file);
  }
  files.sort();
  throw new CheckpointError(
    `${path} has no ${CHECKPOINT_FILES.slice(0, -1).join(", ")} or ${
      CHECKPOINT_FILES.at(-1)
    }, found ${listed(files, LISTED_FILES)}`,
  );
}
