import { ContentHash } from "./content_hash.ts";
import type { Subject } from "./describe_failure.ts";
import { diskFailure } from "./disk_failure.ts";
import { HubError } from "./hub_error.ts";
import { isLost, unreachable } from "./hub_fetch.ts";
import { PartFile } from "./part_file.ts";
import { isFile, type RepositoryFile } from "./repository_cache.ts";
import type { HubSettings } from "./settings.ts";
import { retryDelay, wait } from "./wait.ts";

/** What {@linkcode downloadBlob} needs besides the file. */
export interface BlobRequest {
  readonly subject: Subject;
  readonly settings: HubSettings;
  /** A `fetch` for the repository. */
  readonly send: typeof fetch;
  /** Where the hub has the file. */
  readonly url: string;
  /** Is told how many bytes of the file are there. */
  readonly onBytes: (done: number) => void;
}

/**
 * Downloads a file's content to its place in the cache. What an interruption
 * left is continued, and nothing gets its name before its hash is right.
 *
 * @throws {HubError} If the hub does not give the file, or gives another one.
 */
export async function downloadBlob(
  file: RepositoryFile,
  blob: string,
  request: BlobRequest,
): Promise<void> {
  if (await isFile(blob, file.size)) {
    request.onBytes(file.size);
    return;
  }
  const { name } = request.subject;
  let part: PartFile | undefined;
  try {
    part = await PartFile.open(blob);
    await complete(part, file, request);
    await part.moveTo(blob);
  } catch (error) {
    const failure = diskFailure(name, blob, error);
    // A full disk is not to stay full, and a wrong file is of no use.
    const useless = failure instanceof HubError &&
      (failure.code === "disk" || failure.code === "hash");
    await (useless ? part?.remove() : part?.leave());
    throw failure;
  }
}

/** Fetches what is missing, until the file is complete and right. */
async function complete(
  part: PartFile,
  file: RepositoryFile,
  request: BlobRequest,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const fresh = part.length === 0;
    if (part.length > file.size) await part.clear();
    let hash = new ContentHash(file);
    await part.hashInto(hash);
    hash = await fetchRest(part, file, request, hash);
    if (hash.matches()) return;
    await part.clear();
    // What was left may have been damaged; a whole file that is wrong may have
    // been damaged on its way, once.
    if (fresh && attempt > 1) {
      throw wrongFile(
        file,
        request,
        `its ${file.sha256 ? "SHA-256" : "SHA-1"} is not ${
          file.sha256 ?? file.oid
        }`,
      );
    }
  }
}

/** @returns The hash of the whole file. */
async function fetchRest(
  part: PartFile,
  file: RepositoryFile,
  request: BlobRequest,
  hash: ContentHash,
): Promise<ContentHash> {
  const { settings, subject } = request;
  request.onBytes(part.length);
  for (let failures = 0; part.length < file.size;) {
    const before = part.length;
    let lost: unknown = "it ended too early";
    try {
      const response = await request.send(request.url, {
        headers: {
          // A compressed answer has other lengths and ranges.
          "Accept-Encoding": "identity",
          ...(before > 0 ? { Range: `bytes=${before}-` } : {}),
        },
      });
      if (before > 0 && !continues(response, before)) {
        await part.clear();
        hash = new ContentHash(file);
      }
      for await (const bytes of chunks(response, settings.stallTimeout)) {
        if (part.length + bytes.length > file.size) {
          await part.clear();
          throw wrongFile(
            file,
            request,
            `it is longer than ${file.size} bytes`,
          );
        }
        hash.update(bytes);
        await part.append(bytes);
        request.onBytes(part.length);
      }
    } catch (error) {
      if (error instanceof HubError && error.status === 416) {
        await part.clear();
        hash = new ContentHash(file);
      } else if (!isLost(error)) throw error;
      lost = error;
    }
    if (part.length >= file.size) break;
    failures = part.length > before ? 1 : failures + 1;
    if (failures >= settings.attempts) {
      throw unreachable(subject, settings, lost);
    }
    await wait(retryDelay(failures, settings.retryDelay));
  }
  return hash;
}

/** Whether an answer goes on where the last one ended. */
function continues(response: Response, position: number): boolean {
  return response.status === 206 &&
    (response.headers.get("Content-Range") ?? "").startsWith(
      `bytes ${position}-`,
    );
}

/** The bytes of an answer; a connection that brings none for long is lost. */
async function* chunks(
  response: Response,
  stallTimeout: number,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const stalled = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Deno.errors.TimedOut("no bytes for too long")),
          stallTimeout,
        );
      });
      const { done, value } = await Promise.race([reader.read(), stalled])
        .finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function wrongFile(
  { path }: RepositoryFile,
  { subject: { name, revision }, settings: { endpoint } }: BlobRequest,
  what: string,
): HubError {
  return new HubError(
    "hash",
    `${name}@${revision}: ${path} as it came from ${endpoint} is damaged: ${what}; nothing was kept, try again, or another HF_ENDPOINT`,
  );
}
