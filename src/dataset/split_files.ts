import { basename, dirname } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import type { CardConfiguration } from "./dataset_card.ts";
import { oneLine } from "./reason.ts";

/** Which files of a data set repository are wanted. */
export interface SplitChoice {
  /** Configuration, of several. */
  config?: string | undefined;
  /** Split, such as `test`. */
  split?: string | undefined;
}

/** A file with what its path says. */
interface Placed {
  readonly path: string;
  readonly config: string;
  /** Undefined if the path names none. */
  readonly split: string | undefined;
}

/** Words that stand for the same split; the first is its name. */
const SPLITS: readonly (readonly string[])[] = [
  ["train", "training"],
  ["validation", "valid", "val", "dev"],
  ["test", "testing", "eval", "evaluation"],
];

const DEFAULT = "default";

/** Endings of files that hold many examples, the best kind first. */
export const DATA_KINDS = [
  { kind: "parquet", ending: /\.parquet$/i },
  { kind: "tar", ending: /\.tar$/i },
  { kind: "table", ending: /\.(csv|tsv|jsonl|ndjson)$/i },
] as const;

/** A kind of file that holds many examples. */
export type DataKind = typeof DATA_KINDS[number]["kind"];

/** All words for a split, the given one first. */
export function splitWords(split: string): readonly string[] {
  const words = SPLITS.find((words) => words.includes(split.toLowerCase()));
  return [split, ...(words ?? []).filter((word) => word !== split)];
}

/** Whether a word is the name of a split. */
export function isSplitWord(word: string): boolean {
  return SPLITS.some((words) => words.includes(word));
}

/**
 * Chooses the data files of a configuration and split by their paths, as
 * `datasets.load_dataset` does: `data/test-00000-of-00002.parquet`,
 * `CONFIG/test/0000.parquet`, `CONFIG/test-*.parquet`, `test.csv`; by the data
 * set card's `configs` where there is one.
 *
 * @param paths Paths of all files, with `/`, relative to the data set.
 * @param name What error messages call the data set.
 * @returns undefined if there is no file of data.
 * @throws {DatasetError} If there is no such split, or several to choose among.
 */
export function chooseFiles(
  paths: readonly string[],
  name: string,
  choice: SplitChoice,
  card: readonly CardConfiguration[] = [],
): { kind: DataKind; paths: string[] } | undefined {
  for (const { kind, ending } of DATA_KINDS) {
    const files = paths.filter((path) => ending.test(path)).sort();
    if (files.length === 0) continue;
    const byCard = placeByCard(files, card);
    const placed = byCard.length > 0 ? byCard : files.map(place);
    const chosen = ofSplit(ofConfig(placed, name, choice, card), name, choice);
    return { kind, paths: chosen.map(({ path }) => path) };
  }
  return undefined;
}

function placeByCard(
  files: readonly string[],
  card: readonly CardConfiguration[],
): Placed[] {
  return card.flatMap(({ name, files: patterns }) =>
    patterns.flatMap(({ split, pattern }) =>
      files.filter((path) => pattern.test(path))
        .map((path) => ({ path, config: name, split }))
    )
  );
}

function place(path: string): Placed {
  const folders = dirname(path).split("/").filter((part) => part !== ".");
  const stem = basename(path).replace(/\.[^.]*$/, "");
  const sharded = /^(\w+(?:\.\w+)*)-\d{5,}-of-\d{5,}/.exec(stem)?.[1];
  const inFolder = folders.findLastIndex((folder) =>
    splitOf(folder) !== undefined
  );
  const split = sharded ?? splitOf(stem) ??
    (inFolder < 0 ? undefined : splitOf(folders[inFolder]!));
  const config = folders.find((folder, i) =>
    i !== inFolder && folder !== "data"
  );
  return { path, config: config ?? DEFAULT, split };
}

/** The word for a split in a name, such as `my-test_1`. */
function splitOf(name: string): string | undefined {
  const words = name.toLowerCase().split(/[^a-z]+/);
  return words.find((word) => isSplitWord(word));
}

function ofConfig(
  placed: readonly Placed[],
  name: string,
  { config }: SplitChoice,
  card: readonly CardConfiguration[],
): Placed[] {
  const configs = [...new Set(placed.map(({ config }) => config))].sort();
  const wanted = config ??
    (configs.length === 1
      ? configs[0]
      : card.find((entry) => entry.isDefault)?.name ??
        configs.find((other) => other === DEFAULT));
  const files = placed.filter((file) => file.config === wanted);
  if (files.length > 0) return files;
  throw new DatasetError(
    `${name}: ${
      config === undefined
        ? "several configurations"
        : `no configuration ${config}`
    }, expected name=CONFIGURATION, one of ${list(configs)}`,
  );
}

function ofSplit(
  placed: readonly Placed[],
  name: string,
  { split }: SplitChoice,
): Placed[] {
  const splits = [...new Set(placed.map(({ split }) => split))];
  if (split === undefined) {
    if (splits.length === 1) return [...placed];
  } else {
    for (const word of splitWords(split)) {
      const files = placed.filter((file) => file.split === word);
      if (files.length > 0) return files;
    }
    // `datasets` calls files whose names say nothing the training set.
    const unnamed = placed.filter((file) => file.split === undefined);
    if (unnamed.length > 0 && splitWords("train").includes(split)) {
      return unnamed;
    }
  }
  throw new DatasetError(
    `${name}: ${
      split === undefined ? "several splits" : `no split ${split}`
    }, expected split=SPLIT, one of ${
      list(splits.map((other) => other ?? "train"))
    }`,
  );
}

function list(names: readonly string[]): string {
  return oneLine(names.slice(0, 20).join(", "));
}
