import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import { pathExists } from "../path_exists.ts";
import { downloadRepository, type HubOptions } from "../hub/mod.ts";
import type { ImageClassificationDataset } from "./dataset.ts";
import { type CardConfiguration, cardConfigurations } from "./dataset_card.ts";
import { openDataset, type OpenDatasetOptions } from "./open_dataset.ts";
import { isImageName } from "./image_names.ts";
import { chooseFiles, type SplitChoice } from "./split_files.ts";
import { slice, subset } from "./subset.ts";

/** How {@linkcode loadDataset} finds and opens a data set. */
export interface LoadDatasetOptions extends Omit<OpenDatasetOptions, "config"> {
  /** Configuration of the repository, as `datasets` calls it. */
  name?: string | undefined;
  /** Branch, tag or commit. @default {"main"} */
  revision?: string | undefined;
  /** How the hub is reached. */
  hub?: HubOptions | undefined;
}

/**
 * Opens a data set by its folder or its repository on the Hugging Face hub, as
 * `datasets.load_dataset`. Of a repository, only the files of the split are
 * downloaded, into the cache that Python shares. `split` may be cut, as
 * `train[:100]` or `test[10%:20%]`.
 *
 * @param path A folder, a file, or `owner/name[@revision]`.
 * @throws {DatasetError} If there is no such split, or a file is damaged.
 * @throws {HubError} If the hub does not give the files.
 */
export async function loadDataset(
  path: string,
  options: LoadDatasetOptions = {},
): Promise<ImageClassificationDataset> {
  const { name: config, revision, hub, split: given, ...rest } = options;
  const { shuffle, seed, limit, ...opening } = rest;
  const { split, begin, end } = parseSplit(given, path);
  const choice = { config, split };
  const folder = await pathExists(path)
    ? path
    : await download(path, revision, choice, hub);
  const whole = await openDataset(folder, { ...opening, ...choice });
  const cut = slice(whole, place(begin, whole), place(end, whole));
  return subset(cut, { shuffle, seed, limit });
}

/** Where a part of a split begins or ends: an index, or a percentage. */
interface Cut {
  readonly value: number;
  readonly percent: boolean;
}

function parseSplit(
  text: string | undefined,
  where: string,
): { split: string | undefined; begin?: Cut; end?: Cut } {
  if (text === undefined || /^[\w.-]+$/.test(text)) return { split: text };
  const parts = /^([\w.-]+)\[(-?\d+%?)?:(-?\d+%?)?\]$/.exec(text);
  if (!parts) {
    throw new DatasetError(
      `${where}: split is ${
        JSON.stringify(text.slice(0, 80))
      }, expected a name such as test, or a part such as test[:100] or test[10%:20%]`,
    );
  }
  const [, split, begin, end] = parts;
  return {
    split,
    ...(begin && { begin: parseCut(begin) }),
    ...(end && { end: parseCut(end) }),
  };
}

function parseCut(text: string): Cut {
  return { value: parseInt(text), percent: text.endsWith("%") };
}

/** The index that a cut means; a negative one counts from the end. */
function place(
  cut: Cut | undefined,
  { length }: ImageClassificationDataset,
): number | undefined {
  if (!cut) return undefined;
  const index = cut.percent ? Math.round(cut.value / 100 * length) : cut.value;
  return Math.min(Math.max(index < 0 ? length + index : index, 0), length);
}

async function download(
  id: string,
  revision: string | undefined,
  choice: SplitChoice,
  hub: HubOptions | undefined,
): Promise<string> {
  const idAtRevision = revision === undefined ? id : `${id}@${revision}`;
  let card: readonly CardConfiguration[] = [];
  let failure: unknown;
  const folder = await downloadRepository(idAtRevision, {
    ...hub,
    repoType: "dataset",
    choose: (paths) => paths.filter((path) => SMALL_FILES.includes(path)),
  });
  try {
    const text = await Deno.readTextFile(join(folder, "README.md"));
    card = cardConfigurations(text);
  } catch (error) {
    // Without a card, the files' paths tell.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const chosen = await downloadRepository(idAtRevision, {
    ...hub,
    repoType: "dataset",
    choose: (paths) => {
      failure = undefined;
      try {
        return wantedFiles(paths, id, choice, card);
      } catch (error) {
        // The cache may have only part of the files: the hub's list decides.
        failure = error;
        return [];
      }
    },
  });
  if (failure) throw failure;
  return chosen;
}

/** What says which files and classes there are. */
const SMALL_FILES = ["README.md", "classnames.txt"];

function wantedFiles(
  paths: readonly string[],
  id: string,
  choice: SplitChoice,
  card: readonly CardConfiguration[],
): string[] {
  const small = paths.filter((path) => SMALL_FILES.includes(path));
  const chosen = chooseFiles(paths, id, choice, card);
  const images = chosen === undefined || chosen.kind === "table"
    ? paths.filter((path) => isImageName(path) || /\.idx(\.gz)?$/.test(path))
    : [];
  return [...small, ...chosen?.paths ?? [], ...images];
}
