import type { Subject } from "./describe_failure.ts";
import { downloadBlob } from "./download_blob.ts";
import { counted } from "./download_progress.ts";
import { hubFetch } from "./hub_fetch.ts";
import { Limiter } from "./limiter.ts";
import type { RepositoryCache, RepositoryFile } from "./repository_cache.ts";
import type { HubSettings } from "./settings.ts";

/** Files downloaded at a time, as by `huggingface_hub`. */
const PARALLEL = 8;

const limiter = new Limiter(PARALLEL);

/** Downloads of this process by their place: nothing is fetched twice at once. */
const running = new Map<string, Promise<void>>();

/**
 * Downloads files of a commit into the cache, in parallel.
 *
 * @throws {HubError} If one of them cannot be had.
 */
export async function downloadFiles(
  subject: Subject,
  commit: string,
  files: readonly RepositoryFile[],
  settings: HubSettings,
  cache: RepositoryCache,
): Promise<void> {
  const send = hubFetch(subject, settings);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  await counted(bytes, async (advance) => {
    const results = await Promise.allSettled(files.map(async (file) => {
      const blob = cache.blob(file);
      let before = 0;
      let download = running.get(blob);
      if (!download) {
        download = limiter.run(() =>
          downloadBlob(file, blob, {
            subject,
            settings,
            send,
            url: urlOf(subject, commit, file.path, settings),
            onBytes(done) {
              advance(done - before);
              before = done;
            },
          })
        ).finally(() => running.delete(blob));
        running.set(blob, download);
      }
      await download;
      if (!isEntrance(file)) await cache.link(commit, file);
    }));
    for (const result of results) {
      if (result.status === "rejected") throw result.reason;
    }
    for (const file of files.filter(isEntrance)) {
      await cache.link(commit, file);
    }
  });
}

/**
 * Whether a folder loads as a model by this file. It comes last, so that a
 * killed process leaves no model of which something is missing.
 */
function isEntrance({ path }: RepositoryFile): boolean {
  return path === "config.json" || path === "model.json";
}

function urlOf(
  { name, type }: Subject,
  commit: string,
  path: string,
  { endpoint }: HubSettings,
): string {
  const place = path.split("/").map(encodeURIComponent).join("/");
  const prefix = type === "dataset" ? "datasets/" : "";
  return `${endpoint}/${prefix}${name}/resolve/${commit}/${place}`;
}
