import { join } from "@std/path";
import { ConfigError } from "../fusion_error.ts";
import { errorCode, reasonOf } from "../reason.ts";
import { warn } from "../warn.ts";
import type { ConfigObject } from "./value.ts";

/** Whether a path is a folder. */
export async function isFolder(path: string): Promise<boolean> {
  return (await statOrNull(path))?.isDirectory ?? false;
}

/** Whether a path is a file. */
export async function isFile(path: string): Promise<boolean> {
  return (await statOrNull(path))?.isFile ?? false;
}

/** Weights, by the ends of their files' names. */
const WEIGHTS = /\.(safetensors|bin|pth|pt)$/;

/**
 * The model pool config of a folder with one model folder per task, taken in
 * code point order; `pretrained` or `_pretrained_` is the common ancestor.
 * Hidden folders are none of its.
 *
 * @param onWarning Told of each folder that holds no model. Default: standard
 * error.
 * @throws {ConfigError} If there is no model folder, or both ancestors.
 */
export async function poolFromFolder(
  folder: string,
  onWarning: (message: string) => void = warn,
): Promise<ConfigObject> {
  const models: Record<string, string> = {};
  const experts: Record<string, string> = {};
  const others: string[] = [];
  for (const name of await foldersIn(folder)) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    // timm's weights need no config.json; whether they are timm's, or lack
    // theirs, is told where they are opened.
    if (
      !await isFile(join(path, "config.json")) && !await hasFile(path, WEIGHTS)
    ) {
      others.push(path);
      continue;
    }
    if (name !== "pretrained" && name !== "_pretrained_") {
      experts[name] = path;
    } else if ("_pretrained_" in models) {
      throw new ConfigError(
        `${folder}: holds both _pretrained_ and pretrained, expected one of them`,
      );
    } else models["_pretrained_"] = path;
  }
  Object.assign(models, experts);
  if (Object.keys(models).length === 0) {
    const found = await isFile(join(folder, "config.json"))
      ? "is itself a model and holds no model folder"
      : "holds no model folder";
    throw new ConfigError(
      `${folder}: ${found}: expected <task>/config.json, one folder per task`,
    );
  }
  for (const path of others) {
    onWarning(
      `${path}: no config.json and no weights, so it is no model of the pool`,
    );
  }
  return { _target_: "ConvNextForImageClassificationPool", models };
}

/**
 * The task pool config of a folder with a `<task>/test/` for each task, taken
 * in code point order.
 *
 * @param onWarning Told of each folder that has no test set. Default: standard
 * error.
 * @throws {ConfigError} If there is none.
 */
export async function tasksFromFolder(
  folder: string,
  onWarning: (message: string) => void = warn,
): Promise<ConfigObject> {
  const datasets: Record<string, string> = {};
  const others: string[] = [];
  for (const name of await foldersIn(folder)) {
    const path = join(folder, name, "test");
    if (await isFolder(path)) datasets[name] = path;
    else others.push(name);
  }
  if (Object.keys(datasets).length === 0) {
    throw new ConfigError(
      `${folder}: holds no test set: expected <task>/test/, one folder per task`,
    );
  }
  for (const name of others) {
    onWarning(
      `${
        join(folder, name)
      }: no test set, so it is no task that is evaluated: expected ${
        join(folder, name, "test")
      }/`,
    );
  }
  return {
    _target_: "ImageClassificationTaskPool",
    test_datasets: datasets,
  };
}

async function hasFile(folder: string, pattern: RegExp): Promise<boolean> {
  return (await entriesOf(folder)).some(({ name, isDirectory }) =>
    !isDirectory && pattern.test(name)
  );
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new ConfigError(
      `${folder}: cannot be listed: ${reasonOf(error)}, expected a folder`,
      { cause: error },
    );
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const { name } of await entriesOf(folder)) {
    // Hidden ones are nobody's tasks: a killed process may have left them.
    if (name.startsWith(".")) continue;
    // Followed, so that a pool may be made of symbolic links.
    if (await isFolder(join(folder, name))) names.push(name);
  }
  return names.sort();
}

async function statOrNull(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (errorCode(error) !== "EACCES") return null;
    throw new ConfigError(
      `${path}: cannot be looked at: ${
        reasonOf(error)
      }, expected a file or folder`,
      { cause: error },
    );
  }
}
