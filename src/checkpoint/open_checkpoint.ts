import { basename, join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { reasonOf } from "./reason.ts";
import { openSafetensors } from "./safetensors.ts";
import { openSharded, shardFiles } from "./sharded.ts";
import type { StateDict } from "./state_dict.ts";

const WEIGHTS_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";

/** Folder entries that an error message lists. */
const LISTED_FILES = 10;

/**
 * Opens a checkpoint for reading; only its header is read.
 *
 * @param path A `.safetensors` file, an index of shards
 * (`*.safetensors.index.json`), or a folder that has `model.safetensors` or
 * `model.safetensors.index.json`.
 * @throws {CheckpointError} If there is no such checkpoint or it is not valid.
 */
export async function openCheckpoint(path: string): Promise<StateDict> {
  const file = await checkpointFile(path);
  return isIndex(file) ? await openSharded(file) : await openSafetensors(file);
}

/**
 * The files that hold a checkpoint's tensors, in a fixed order; with shards,
 * their index first.
 *
 * @param path As for {@linkcode openCheckpoint}.
 * @returns File names within the folder (or within the file's folder).
 * @throws {CheckpointError} If there is no such checkpoint.
 */
export async function listCheckpointFiles(path: string): Promise<string[]> {
  const file = await checkpointFile(path);
  if (!isIndex(file)) return [basename(file)];
  const shards = new Set((await shardFiles(file)).values());
  return [basename(file), ...[...shards].sort()];
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
      `cannot open ${path}: ${
        reasonOf(error)
      }, expected a folder with ${WEIGHTS_FILE}, or a .safetensors file`,
      { cause: error },
    );
  }
  if (!isFolder) {
    if (/\.(bin|pt|pth|ckpt)$/.test(path)) {
      throw new CheckpointError(
        `${path}: PyTorch files are not supported yet, expected a .safetensors file`,
      );
    }
    return path;
  }
  const files: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) files.push(name);
  } catch (error) {
    throw new CheckpointError(`cannot list ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  for (const file of [WEIGHTS_FILE, INDEX_FILE]) {
    if (files.includes(file)) return join(path, file);
  }
  files.sort();
  const listed = files.slice(0, LISTED_FILES).join(", ") || "nothing";
  const more = files.length > LISTED_FILES
    ? ` and ${files.length - LISTED_FILES} more`
    : "";
  const hint = files.includes("pytorch_model.bin")
    ? " (pytorch_model.bin is not supported yet)"
    : "";
  throw new CheckpointError(
    `${path} has no ${WEIGHTS_FILE} or ${INDEX_FILE}${hint}, found ${listed}${more}`,
  );
}
