import { join } from "@std/path";
import type { FileChooser } from "./model_files.ts";
import type { RepositoryCache } from "./repository_cache.ts";

/** What the cache has of a revision. */
export interface CachedSnapshot {
  /** Its folder. */
  readonly folder: string;
  /** What is missing; undefined if nothing that is known to be wanted. */
  readonly missing: string | undefined;
  /**
   * Whether nothing can be missing: either the list of the commit's files is
   * here, or every optional file is here or known not to exist.
   */
  readonly complete: boolean;
}

/** Looks what the cache has of a revision; undefined if nothing. */
export async function findSnapshot(
  cache: RepositoryCache,
  choose: FileChooser,
): Promise<CachedSnapshot | undefined> {
  const commit = await cache.commit();
  if (commit === undefined) return undefined;
  const here = await cache.files(commit);
  if (here.length === 0) return undefined;
  const folder = cache.snapshot(commit);
  const read = (path: string): Promise<string> =>
    Deno.readTextFile(join(folder, path));

  const has = new Set(here);
  const listing = await cache.listing(commit);
  const chosen = await choose(
    listing?.map(({ path }) => path) ?? here,
    (path) => has.has(path) ? read(path) : Promise.resolve("{}"),
  );
  const missing = chosen.missing ??
    chosen.wanted.find((path) => !has.has(path));
  const { unsure } = chosen;
  const complete = missing === undefined &&
    (listing !== undefined || unsure === undefined ||
      unsure !== true && await cache.isKnownMissing(commit, unsure));
  return { folder, missing, complete };
}
