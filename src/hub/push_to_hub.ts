import { join, resolve, toFileUrl } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { pageOf, type Subject } from "./describe_failure.ts";
import { HubError } from "./hub_error.ts";
import { hubFetch } from "./hub_fetch.ts";
import { isFile } from "./repository_cache.ts";
import { parseRepositoryId } from "./repository_id.ts";
import { type HubOptions, hubSettings } from "./settings.ts";

/** Options of {@linkcode pushToHub}. */
export interface PushToHubOptions extends HubOptions {
  /** Whether a new repository is private. Default: as its owner has set. */
  private?: boolean | undefined;
  /** The commit's title. @default {"Upload model"} */
  commitMessage?: string | undefined;
}

/**
 * Uploads a model's folder to the Hugging Face hub, in one commit. The
 * repository is created if it is missing; files that it has besides stay.
 *
 * @param folder A model's folder. Hidden files are left out.
 * @param repository `owner/name`, or `owner/name@branch`.
 * @returns URL of the commit.
 * @throws {CheckpointError} If the folder holds no model.
 * @throws {HubError} If the hub does not take it.
 *
 * @example
 * ```ts ignore
 * await pushToHub("merged", "me/convnext-merged", { private: true });
 * ```
 */
export async function pushToHub(
  folder: string,
  repository: string,
  options: PushToHubOptions = {},
): Promise<string> {
  const id = parseRepositoryId(repository, "model");
  if (!id?.name.includes("/")) {
    throw new HubError(
      "upload",
      `${
        JSON.stringify(repository)
      } is no repository to push to, expected "owner/name"`,
    );
  }
  const settings = hubSettings(options);
  const subject: Subject = { ...id, type: "model", written: true };
  if (settings.offline) {
    throw new HubError(
      "offline",
      `${id.name}: HF_HUB_OFFLINE forbids to push ${folder}`,
    );
  }
  if (!settings.token) {
    throw new HubError(
      "token",
      `${id.name}: to push to it, set HF_TOKEN to an access token that may write (${settings.endpoint}/settings/tokens)`,
    );
  }
  const paths = await uploadedFiles(folder);
  const { createRepo, uploadFiles } = await import("@huggingface/hub");
  const request = {
    repo: { type: "model" as const, name: id.name },
    hubUrl: settings.endpoint,
    // `hubFetch` sends the token; the library takes those of hf_… only.
    accessToken: "",
    fetch: hubFetch(subject, settings),
  };
  let refused: HubError | undefined;
  try {
    await createRepo({
      ...request,
      ...(options.private === undefined
        ? {}
        : { visibility: options.private ? "private" : "public" }),
    });
  } catch (error) {
    // It is there already; or it is, and only creating is not allowed.
    const known = error instanceof HubError &&
      (error.status === 409 || error.status === 403);
    if (!known) throw error;
    if (error.status === 403) refused = error;
  }
  const upload = uploadFiles({
    ...request,
    files: paths.map((path) => ({
      path,
      content: toFileUrl(resolve(folder, path)),
    })),
    branch: id.revision,
    commitTitle: options.commitMessage ?? "Upload model",
    // LFS is what every hub, mirror and proxy speaks.
    useXet: false,
  });
  try {
    return (await upload)?.commit.url ?? pageOf(subject, settings.endpoint);
  } catch (error) {
    const absent = error instanceof HubError && error.code === "repository";
    throw absent && refused ? refused : error;
  }
}

/** Paths of a model folder's files, `/` between folders, sorted. */
async function uploadedFiles(folder: string): Promise<string[]> {
  const isModel = await isFile(join(folder, "config.json")) ||
    await isFile(join(folder, "model.json"));
  if (!isModel) {
    throw new CheckpointError(
      `${folder} has no config.json or model.json, expected a model's folder to push`,
    );
  }
  const paths: string[] = [];
  const walk = async (below: string): Promise<void> => {
    for await (
      const { name, isDirectory } of Deno.readDir(join(folder, below))
    ) {
      if (name.startsWith(".")) continue;
      const path = below === "" ? name : `${below}/${name}`;
      if (isDirectory) await walk(path);
      // A link to a file, as in the cache, counts; one to a folder does not.
      else if (await isFile(join(folder, path))) paths.push(path);
    }
  };
  await walk("");
  return paths.sort();
}
