import { dirname, join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { checkKeysOnce } from "./duplicate_key.ts";
import { noSuchTensor } from "./element_range.ts";
import { readJson } from "../read_json.ts";
import { shown } from "./shown.ts";
import type { StateDict } from "./state_dict.ts";

/**
 * Opens a checkpoint that is split over several files by an index,
 * `model.safetensors.index.json` or `pytorch_model.bin.index.json`. Of the
 * shards only names, types and shapes are read.
 *
 * @param path The index.
 * @param openShard Opens one file.
 * @throws {CheckpointError} If the index or a shard is missing or not valid, or
 * a tensor is not in the shard that the index names.
 */
export async function openSharded(
  path: string,
  openShard: (path: string) => Promise<StateDict>,
): Promise<StateDict> {
  const files = await shardFiles(path);
  const shards = new Map<string, StateDict>();
  const close = (): void => shards.forEach((shard) => shard.close());
  const shardOf = new Map<string, StateDict>();
  try {
    for (const [name, file] of files) {
      let shard = shards.get(file);
      if (!shard) {
        shard = await openShard(join(dirname(path), file));
        shards.set(file, shard);
      }
      shardOf.set(name, shard);
    }
    const present = new Map(
      Array.from(shards, ([file, { names }]) => [file, new Set(names)]),
    );
    for (const [name, file] of files) {
      if (!present.get(file)!.has(name)) {
        throw new CheckpointError(
          `${path}: tensor ${
            shown(name)
          } should be in ${file}, which does not have it`,
        );
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  const get = (name: string): StateDict => {
    const shard = shardOf.get(name);
    if (!shard) throw noSuchTensor(path, name);
    return shard;
  };
  return {
    // Shard by shard, so that reading in this order goes through each file once.
    names: [...shards.values()].flatMap((shard) =>
      shard.names.filter((name) => shardOf.get(name) === shard)
    ),
    source: path,
    location: path,
    info: (name) => get(name).info(name),
    read: async (name, begin, end) => await get(name).read(name, begin, end),
    readInto: async (name, begin, end, target) => {
      const shard = get(name);
      if (shard.readInto) {
        return await shard.readInto(name, begin, end, target);
      }
      target.set(await shard.read(name, begin, end));
    },
    close,
  };
}

/**
 * File names of an index's shards by tensor name.
 *
 * @throws {CheckpointError} If the index is missing or not valid.
 */
export async function shardFiles(
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const file = await readJson(path, CheckpointError);
  if (!file) {
    throw new CheckpointError(`cannot read ${path}: no such file or folder`);
  }
  const { json: index, text } = file;
  checkKeysOnce(path, text);
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw new CheckpointError(
      `${path} has no "weight_map", expected the shard's file name for each tensor`,
    );
  }
  const extension = path.endsWith(".bin.index.json") ? ".bin" : ".safetensors";
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    // A shard beside the index, nowhere else on this machine.
    if (
      typeof file !== "string" || !/^[^/\\\0]+$/.test(file) ||
      !file.endsWith(extension)
    ) {
      throw new CheckpointError(
        `${path}: tensor ${shown(name)} is said to be in ${
          shown(file)
        }, expected the name of a ${extension} file in the same folder`,
      );
    }
    files.set(name, file);
  }
  return files;
}
