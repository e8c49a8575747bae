import type { ListFileEntry } from "@huggingface/hub";
import { oneLine, type Subject } from "./describe_failure.ts";
import { HubError } from "./hub_error.ts";
import { hubFetch } from "./hub_fetch.ts";
import { isCommit } from "./repository_id.ts";
import {
  isRepositoryFile,
  type RepositoryCache,
  type RepositoryFile,
} from "./repository_cache.ts";
import { isSafePath } from "./safe_path.ts";
import type { HubSettings } from "./settings.ts";

/** More files than this no repository may have, by the hub's own advice. */
const MOST_FILES = 200_000;

/** The hub lists a thousand files on a page. */
const MOST_PAGES = 2_000;

/** A revision's commit, and its files. */
export interface Listing {
  readonly commit: string;
  readonly files: readonly RepositoryFile[];
}

/**
 * Asks the hub for a revision's commit and files, and keeps both in the cache.
 *
 * @throws {HubError} If the hub does not tell.
 */
export async function fetchListing(
  subject: Subject,
  settings: HubSettings,
  cache: RepositoryCache,
): Promise<Listing> {
  try {
    const commit = isCommit(subject.revision)
      ? subject.revision
      : await fetchCommit(subject, settings);
    let files = await cache.listing(commit);
    if (!files) {
      files = await fetchFiles(subject, commit, settings);
      await cache.setListing(commit, files);
    }
    await cache.setCommit(commit);
    return { commit, files };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      throw notUnderstood(subject, settings, error.message, error);
    }
    throw error;
  }
}

async function fetchCommit(
  subject: Subject,
  settings: HubSettings,
): Promise<string> {
  // Loaded when needed: who merges local files waits for no client library.
  const { datasetInfo, modelInfo } = await import("@huggingface/hub");
  const request = {
    name: subject.name,
    revision: subject.revision,
    hubUrl: settings.endpoint,
    fetch: hubFetch(subject, settings),
  };
  const { sha } = subject.type === "model"
    ? await modelInfo({ ...request, additionalFields: ["sha"] })
    : await datasetInfo({ ...request, additionalFields: ["sha"] });
  if (typeof sha === "string" && isCommit(sha)) return sha;
  throw notUnderstood(
    subject,
    settings,
    `${oneLine(JSON.stringify(sha))} is no commit`,
  );
}

async function fetchFiles(
  subject: Subject,
  commit: string,
  settings: HubSettings,
): Promise<RepositoryFile[]> {
  const { listFiles } = await import("@huggingface/hub");
  const files: RepositoryFile[] = [];
  for await (
    const entry of listFiles({
      repo: { type: subject.type, name: subject.name },
      revision: commit,
      recursive: true,
      hubUrl: settings.endpoint,
      fetch: endingFetch(subject, settings),
    })
  ) {
    if (entry.type !== "file") continue;
    const file = fileOf(entry);
    if (!isRepositoryFile(file)) {
      throw notUnderstood(
        subject,
        settings,
        isSafePath(file.path)
          ? `${file.path} is listed without a size or a hash`
          : `a file is named ${
            oneLine(JSON.stringify(file.path))
          }, which leads out of its folder`,
      );
    }
    files.push(file);
    if (files.length > MOST_FILES) {
      throw notUnderstood(
        subject,
        settings,
        `it lists over ${MOST_FILES} files`,
      );
    }
  }
  return files;
}

/** A `fetch` for pages of a list, each of which names the next: they must end. */
function endingFetch(subject: Subject, settings: HubSettings): typeof fetch {
  const send = hubFetch(subject, settings);
  const seen = new Set<string>();
  return async (input, init) => {
    const url = input instanceof Request ? input.url : `${input}`;
    if (seen.has(url) || seen.size >= MOST_PAGES) {
      throw notUnderstood(
        subject,
        settings,
        seen.has(url)
          ? `its list of files leads back to ${url}`
          : `its list of files has over ${MOST_PAGES} pages`,
      );
    }
    seen.add(url);
    return await send(input, init);
  };
}

function fileOf(entry: ListFileEntry): RepositoryFile {
  return {
    path: entry.path,
    size: entry.lfs?.size ?? entry.size,
    oid: entry.oid ?? "",
    ...(entry.lfs ? { sha256: entry.lfs.oid } : {}),
  };
}

function notUnderstood(
  { name }: Subject,
  { endpoint }: HubSettings,
  what: string,
  cause?: unknown,
): HubError {
  return new HubError(
    "response",
    `${name}: ${endpoint} answers what cannot be understood: ${oneLine(what)}`,
    { cause },
  );
}
