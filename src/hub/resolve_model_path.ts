import { join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { pathExists } from "../path_exists.ts";
import { notAnId, snapshotFolder } from "./download_repository.ts";
import { allFiles, type FileChooser, modelFiles } from "./model_files.ts";
import { parseRepositoryId, type RepositoryType } from "./repository_id.ts";
import { isSafePath } from "./safe_path.ts";
import { type HubOptions, hubSettings } from "./settings.ts";

/** Options of {@linkcode resolveModelPath}. */
export interface ResolveModelPathOptions extends HubOptions {
  /** Kind of repository. @default {"model"} */
  repoType?: RepositoryType;
  /** A file within the folder, whose path is wanted instead of the folder's. */
  filename?: string;
}

/**
 * Finds a model, on this machine or at the Hugging Face hub.
 *
 * @param idOrPath A folder or file, which is taken as it is, or a repository
 * id `owner/name[@revision]`, or the URL of its page. A folder comes before a repository of the same
 * name, and the local Hugging Face cache, if it has all that a model needs,
 * before the network. What is not there is downloaded into the cache.
 * @returns The path of the folder, or of `filename` in it.
 * @throws {CheckpointError} If the text is neither.
 * @throws {HubError} If the hub does not give the model.
 */
export async function resolveModelPath(
  idOrPath: string,
  options: ResolveModelPathOptions = {},
): Promise<string> {
  const { repoType = "model", filename } = options;
  if (filename !== undefined && !isSafePath(filename)) {
    throw new CheckpointError(
      `${idOrPath}: the file name ${
        JSON.stringify(filename)
      } leads out of the ${repoType}'s folder`,
    );
  }
  if (await pathExists(idOrPath)) {
    if (filename === undefined) return idOrPath;
    const file = join(idOrPath, filename);
    if (await pathExists(file)) return file;
    throw new CheckpointError(`${idOrPath} has no file ${filename}`);
  }
  const id = parseRepositoryId(idOrPath, repoType);
  if (!id) throw notAnId(idOrPath, repoType);
  const folder = await snapshotFolder(
    { ...id, type: repoType },
    hubSettings(options),
    filename === undefined
      ? repoType === "model" ? modelFiles : allFiles
      : oneFile(filename),
  );
  return filename === undefined ? folder : join(folder, filename);
}

function oneFile(path: string): FileChooser {
  return (paths) =>
    Promise.resolve(
      paths.includes(path) ? { wanted: [path] } : { wanted: [], missing: path },
    );
}
