import type { ImageClassificationDataset } from "../dataset/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import type { DatasetEntryConfig, DatasetsConfig } from "./pool_schemas.ts";

/** A folder, or what opens a data set when it is needed. */
export type LazyDataset = string | (() => Promise<ImageClassificationDataset>);

type Open = () => Promise<ImageClassificationDataset>;

/** What `_target_` can be, by its last part, and what makes the data set. */
const TARGETS: Readonly<
  Record<string, (entry: DatasetEntryConfig, where: string) => Open>
> = {
  load_dataset: loadDatasetEntry,
  load_fer2013: (entry, where) =>
    loadDatasetEntry({ path: "clip-benchmark/wds_fer2013", ...entry }, where),
  train_validation_split: trainValidationSplitEntry,
};

/**
 * The data sets of a pool's config: folders stay what they are, descriptions
 * (`_target_: datasets.load_dataset` and what FusionBench's presets wrap around
 * it) become functions that find, download and open the data set once, when it
 * is first needed.
 *
 * @param kind What error messages call one: `test`.
 * @throws {ConfigError} If a description is not understood.
 */
export function datasetEntries(
  kind: string,
  datasets: DatasetsConfig | null | undefined,
): Record<string, LazyDataset> {
  return Object.fromEntries(
    Object.entries(datasets ?? {}).map(([task, entry]) => [
      task,
      typeof entry === "string"
        ? entry
        : openEntry(entry, `${kind} set of task ${task}`),
    ]),
  );
}

function openEntry(entry: DatasetEntryConfig, where: string): Open {
  const { _target_: target = "datasets.load_dataset", ...rest } = entry;
  const name = `${target}`.slice(`${target}`.lastIndexOf(".") + 1);
  if (!Object.hasOwn(TARGETS, name)) {
    const suggestion = nearest(name, Object.keys(TARGETS)) ?? "load_dataset";
    throw new ConfigError(
      `${where}: _target_ is ${target}, which this module does not have, did you mean ${
        suggestion === "load_dataset" ? "datasets.load_dataset" : suggestion
      }? (or a folder instead)`,
    );
  }
  const open = TARGETS[name]!(rest, where);
  let opened: Promise<ImageClassificationDataset> | undefined;
  return () => opened ??= open();
}

function loadDatasetEntry(entry: DatasetEntryConfig, where: string): Open {
  const [first, second] = entry._args_ ?? [];
  const path = entry.path ?? first;
  if (path === undefined) {
    throw new ConfigError(
      `${where}: path is missing, expected a folder or a data set's repository such as ylecun/mnist`,
    );
  }
  if (entry["data_files"] !== undefined || entry["data_dir"] !== undefined) {
    throw new ConfigError(
      `${where}: data_files and data_dir are not understood, expected a repository whose files' names tell the split, or a folder`,
    );
  }
  const options = {
    name: entry.name ?? second,
    split: entry.split ?? undefined,
    revision: optional(entry, "revision", "string", where),
    limit: optional(entry, "limit", "number", where),
    shuffle: optional(entry, "shuffle", "boolean", where),
    seed: optional(entry, "seed", "number", where),
    imageColumn: optional(entry, "image_column", "string", where),
    labelColumn: optional(entry, "label_column", "string", where),
  };
  return async () => {
    const { loadDataset } = await import("../dataset/mod.ts");
    return await loadDataset(path, options);
  };
}

function trainValidationSplitEntry(
  entry: DatasetEntryConfig,
  where: string,
): Open {
  const inner = entry["dataset"];
  if (typeof inner !== "object" || inner === null || Array.isArray(inner)) {
    throw new ConfigError(
      `${where}: dataset is ${
        inner === undefined ? "missing" : JSON.stringify(inner)
      }, expected a data set to split`,
    );
  }
  const part = entry["return_split"];
  if (part !== "train" && part !== "val") {
    throw new ConfigError(
      `${where}: return_split is ${part ?? "missing"}, expected train or val`,
    );
  }
  const open = openEntry(inner as DatasetEntryConfig, where);
  const options = {
    validation_fraction: optional(
      entry,
      "validation_fraction",
      "number",
      where,
    ),
    validation_size: optional(entry, "validation_size", "number", where),
    random_seed: optional(entry, "random_seed", "number", where),
    return_split: part,
  } as const;
  return async () => {
    const { trainValidationSplit } = await import("../dataset/mod.ts");
    return trainValidationSplit(await open(), options);
  };
}

interface Types {
  string: string;
  number: number;
  boolean: boolean;
}

/** An argument that may be missing or null. */
function optional<Type extends keyof Types>(
  entry: DatasetEntryConfig,
  key: string,
  type: Type,
  where: string,
): Types[Type] | undefined {
  const value = entry[key] ?? undefined;
  if (value === undefined || typeof value === type) {
    return value as Types[Type] | undefined;
  }
  throw new ConfigError(
    `${where}: ${key} is ${JSON.stringify(value)}, expected a ${type}`,
  );
}
