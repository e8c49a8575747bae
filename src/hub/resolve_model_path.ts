import { join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { hubCacheFolder } from "./cache_folder.ts";
import { parseRepositoryId, type RepositoryId } from "./repository_id.ts";

/** Options of {@linkcode resolveModelPath}. */
export interface ResolveModelPathOptions {
  /** Kind of repository. @default {"model"} */
  repoType?: "model" | "dataset";
  /** Folder of the Hugging Face cache. Default: {@linkcode hubCacheFolder}. */
  cacheFolder?: string;
  /** A file within the folder, whose path is wanted instead of the folder's. */
  filename?: string;
}

/**
 * Finds a model on this machine.
 *
 * @param idOrPath A folder or file, which is taken as it is, or a repository
 * id `owner/name[@revision]`, whose snapshot is looked up in the local Hugging
 * Face cache. A folder comes before a repository of the same name.
 * @returns The path of the folder, or of `filename` in it.
 * @throws {CheckpointError} If there is no such folder and no such snapshot.
 */
export async function resolveModelPath(
  idOrPath: string,
  options: ResolveModelPathOptions = {},
): Promise<string> {
  const { repoType = "model", filename } = options;
  const folder = await exists(idOrPath)
    ? idOrPath
    : await snapshotFolder(idOrPath, repoType, options.cacheFolder);
  if (filename === undefined) return folder;
  if (filename.split(/[/\\]/).includes("..")) {
    throw new CheckpointError(
      `${idOrPath}: the file name ${
        JSON.stringify(filename)
      } leads out of the ${repoType}'s folder`,
    );
  }
  const file = join(folder, filename);
  if (await exists(file)) return file;
  throw new CheckpointError(`${folder} has no file ${filename}`);
}

async function snapshotFolder(
  idOrPath: string,
  repoType: "model" | "dataset",
  cacheFolder: string = hubCacheFolder(),
): Promise<string> {
  const id = parseRepositoryId(idOrPath);
  if (!id) {
    throw new CheckpointError(
      `${
        JSON.stringify(idOrPath)
      } does not exist, expected a ${repoType}'s folder or a Hugging Face repository id "owner/name"`,
    );
  }
  const repository = join(
    cacheFolder,
    [`${repoType}s`, ...id.name.split("/")].join("--"),
  );
  const commit = await commitOf(repository, id);
  const snapshot = join(repository, "snapshots", commit);
  if (await exists(snapshot)) return snapshot;
  const kind = repoType === "model" ? "" : ` --repo-type ${repoType}`;
  const revision = id.revision === "main" ? "" : ` --revision ${id.revision}`;
  throw new CheckpointError(
    `${idOrPath} is not a folder, and not in the Hugging Face cache (looked for ${snapshot}): correct the path, or fetch it with \`huggingface-cli download ${id.name}${kind}${revision}\``,
  );
}

/** A revision's commit; the revision itself where the cache has no reference. */
async function commitOf(
  repository: string,
  { revision }: RepositoryId,
): Promise<string> {
  let commit: string;
  try {
    commit = await Deno.readTextFile(join(repository, "refs", revision));
  } catch {
    return revision;
  }
  commit = commit.trim();
  return /^[0-9a-f]+$/i.test(commit) ? commit : revision;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
