import { basename, resolve } from "@std/path";
import { pathExists } from "../path_exists.ts";
import { parseRepositoryId } from "./repository_id.ts";

/** How others are told of a model. */
export interface PublicName {
  /** A repository's id with its revision, or a folder's name. */
  readonly text: string;
  /** The id alone, `owner/name`; empty if it is no repository of the hub. */
  readonly repositories: readonly string[];
}

/**
 * Names a model to others: a repository by its id, a folder of this machine by
 * its own name, without the folders that it lies in.
 *
 * @param idOrPath As `resolveModelPath` takes it.
 */
export async function publicName(idOrPath: string): Promise<PublicName> {
  const id = await pathExists(idOrPath)
    ? undefined
    : parseRepositoryId(idOrPath, "model");
  if (!id) return { text: basename(resolve(idOrPath)), repositories: [] };
  const { name, revision } = id;
  return {
    text: revision === "main" ? name : `${name}@${revision}`,
    repositories: [name],
  };
}
