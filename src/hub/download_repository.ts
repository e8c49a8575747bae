import { join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { listed } from "../listed.ts";
import type { Subject } from "./describe_failure.ts";
import { downloadFiles } from "./download_files.ts";
import { HubError } from "./hub_error.ts";
import { fetchListing } from "./list_repository.ts";
import type { FileChooser } from "./model_files.ts";
import { parseRepositoryId, type RepositoryType } from "./repository_id.ts";
import { RepositoryCache } from "./repository_cache.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./settings.ts";
import { findSnapshot } from "./find_snapshot.ts";

/**
 * The folder of a repository's files: the cache's if it has all that is chosen,
 * else they are downloaded into it.
 */
export async function snapshotFolder(
  subject: Subject,
  settings: HubSettings,
  choose: FileChooser,
): Promise<string> {
  const cache = new RepositoryCache(settings.cacheFolder, subject);
  const cached = await findSnapshot(cache, choose);
  if (cached?.complete) return cached.folder;
  if (settings.offline) {
    if (cached && cached.missing === undefined) return cached.folder;
    throw new HubError("offline", offlineMessage(subject, cache, cached));
  }
  try {
    const { commit, files } = await fetchListing(subject, settings, cache);
    await download(subject, settings, cache, choose, commit, files);
    return cache.snapshot(commit);
  } catch (error) {
    // The cache lacks nothing that is known: it will do without the hub.
    const usable = cached && cached.missing === undefined;
    if (usable && error instanceof HubError && error.code !== "disk") {
      return cached.folder;
    }
    throw error;
  }
}

async function download(
  subject: Subject,
  settings: HubSettings,
  cache: RepositoryCache,
  choose: FileChooser,
  commit: string,
  files: Awaited<ReturnType<typeof fetchListing>>["files"],
): Promise<void> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const get = (paths: readonly string[]): Promise<void> =>
    downloadFiles(
      subject,
      commit,
      paths.map((path) => byPath.get(path)!),
      settings,
      cache,
    );
  const chosen = await choose([...byPath.keys()], async (path) => {
    await get([path]);
    return await Deno.readTextFile(join(cache.snapshot(commit), path));
  });
  const missing = chosen.missing ??
    chosen.wanted.find((path) => !byPath.has(path));
  if (missing !== undefined) {
    throw new HubError(
      "file",
      `${subject.name}@${subject.revision} has no ${missing}, found ${
        listed([...byPath.keys()], LISTED_FILES)
      }`,
    );
  }
  await get([...new Set(chosen.wanted)]);
}

const LISTED_FILES = 10;

function offlineMessage(
  { name, type, revision }: Subject,
  cache: RepositoryCache,
  cached: Awaited<ReturnType<typeof findSnapshot>>,
): string {
  const at = revision === "main" ? "" : `@${revision}`;
  const flags = (type === "model" ? "" : ` --repo-type ${type}`) +
    (revision === "main" ? "" : ` --revision ${revision}`);
  const state = cached
    ? `lacks ${cached.missing} in the Hugging Face cache (${cached.folder})`
    : `is not in the Hugging Face cache (${cache.folder})`;
  return `${name}${at} is no folder here, ${state}, and HF_HUB_OFFLINE forbids to download it: correct the path, unset HF_HUB_OFFLINE, or fetch it with \`hf download ${name}${flags}\``;
}

/** Options of {@linkcode downloadRepository}. */
export interface DownloadRepositoryOptions extends HubOptions {
  /** Kind of repository. @default {"model"} */
  repoType?: RepositoryType;
  /** Chooses among the paths of all files, `/` between folders. Default: all. */
  choose?: (paths: readonly string[]) => readonly string[];
}

/**
 * Downloads files of a repository of the Hugging Face hub into the cache that
 * `huggingface_hub` shares, unless they are there.
 *
 * @param id `owner/name[@revision]`, or the URL of its page.
 * @returns The folder of the revision's files.
 * @throws {HubError} If the files cannot be had.
 *
 * @example
 * ```ts ignore
 * const folder = await downloadRepository("ylecun/mnist", {
 *   repoType: "dataset",
 *   choose: (paths) => paths.filter((path) => path.startsWith("mnist/test")),
 * });
 * ```
 */
export async function downloadRepository(
  id: string,
  options: DownloadRepositoryOptions = {},
): Promise<string> {
  const { repoType: type = "model", choose = (paths) => paths } = options;
  const parsed = parseRepositoryId(id, type);
  if (!parsed) throw notAnId(id, type);
  return await snapshotFolder(
    { ...parsed, type },
    hubSettings(options),
    (paths) => Promise.resolve({ wanted: choose(paths), unsure: true }),
  );
}

/** Says that a text is neither a folder nor a repository. */
export function notAnId(text: string, type: RepositoryType): CheckpointError {
  return new CheckpointError(
    `${
      JSON.stringify(text)
    } does not exist, expected a ${type}'s folder or a Hugging Face repository id "owner/name"`,
  );
}
