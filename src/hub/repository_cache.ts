import { dirname, join, relative } from "@std/path";
import { replaceFile } from "../replace_file.ts";
import { temporaryFile } from "../temporaries.ts";
import type { Subject } from "./describe_failure.ts";
import { writing } from "./disk_failure.ts";
import { isCommit } from "./repository_id.ts";
import { isSafePath } from "./safe_path.ts";

/** A file of a repository, as the hub lists it. */
export interface RepositoryFile {
  /** Path in the repository, with `/`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Git's SHA-1 of the file, or of the pointer to it where `sha256` is given. */
  readonly oid: string;
  /** SHA-256 of a large file, which the hub keeps outside of git. */
  readonly sha256?: string;
}

/**
 * One repository's folder in the Hugging Face cache, in `huggingface_hub`'s
 * layout: contents in `blobs` by etag, commits of branches and tags in `refs`,
 * links to the contents in `snapshots/COMMIT`, listings in `trees`. Everything
 * gets its name when it is whole.
 *
 * @see https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export class RepositoryCache {
  /** The repository's folder. */
  readonly folder: string;
  readonly #subject: Subject;

  constructor(cacheFolder: string, subject: Subject) {
    this.#subject = subject;
    this.folder = join(
      cacheFolder,
      [`${subject.type}s`, ...subject.name.split("/")].join("--"),
    );
  }

  /** The revision's commit, if the cache knows it. */
  async commit(): Promise<string | undefined> {
    const { revision } = this.#subject;
    if (isCommit(revision)) return revision;
    const text = await readIfThere(join(this.folder, "refs", revision));
    return text !== undefined && isCommit(text.trim())
      ? text.trim()
      : undefined;
  }

  /** Remembers the revision's commit. */
  async setCommit(commit: string): Promise<void> {
    const { revision } = this.#subject;
    if (commit === revision || commit === await this.commit()) return;
    await this.#write(
      join(this.folder, "refs", ...revision.split("/")),
      commit,
    );
  }

  /** Folder of a commit's files. */
  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Place of a file's content. */
  blob({ oid, sha256 }: RepositoryFile): string {
    return join(this.folder, "blobs", sha256 ?? oid);
  }

  /** Paths of a commit's files that are here, sorted. */
  async files(commit: string): Promise<string[]> {
    const snapshot = this.snapshot(commit);
    const paths: string[] = [];
    const walk = async (below: string): Promise<void> => {
      try {
        for await (
          const { name, isDirectory } of Deno.readDir(
            join(snapshot, below),
          )
        ) {
          const path = below === "" ? name : `${below}/${name}`;
          if (isDirectory) await walk(path);
          else if (await isFile(join(snapshot, path))) paths.push(path);
        }
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    };
    await walk("");
    return paths.sort();
  }

  /** Puts a content that is in `blobs` under its name. */
  async link(commit: string, file: RepositoryFile): Promise<void> {
    const blob = this.blob(file);
    const pointer = join(this.snapshot(commit), ...file.path.split("/"));
    if (await isFile(pointer, file.size)) return;
    await writing(this.#subject.name, pointer, async () => {
      await Deno.mkdir(dirname(pointer), { recursive: true });
      try {
        await linkTo(blob, pointer);
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
        // Another process was faster; or it is another content's.
        if (await isFile(pointer, file.size)) return;
        await Deno.remove(pointer);
        await linkTo(blob, pointer);
      }
    });
  }

  /** A commit's files, if their list is in the cache. */
  async listing(commit: string): Promise<RepositoryFile[] | undefined> {
    const text = await readIfThere(this.#listingPath(commit));
    if (text === undefined) return undefined;
    try {
      const { format_version, files } = JSON.parse(text);
      if (format_version !== 1) return undefined;
      const list = Object.entries(files as Record<string, Entry>).map((
        [path, { size, blob_id, lfs_sha256 }],
      ) => ({
        path,
        size,
        oid: blob_id,
        ...(lfs_sha256 ? { sha256: lfs_sha256 } : {}),
      }));
      return list.every(isRepositoryFile) ? list : undefined;
    } catch {
      return undefined; // damaged: it is fetched again
    }
  }

  /** Keeps the list of a commit's files. */
  async setListing(
    commit: string,
    list: readonly RepositoryFile[],
  ): Promise<void> {
    const files: Record<string, Entry> = {};
    for (const { path, size, oid, sha256 } of list) {
      files[path] = {
        size,
        blob_id: oid,
        ...(sha256 ? { lfs_sha256: sha256, lfs_size: size } : {}),
      };
    }
    await this.#write(
      this.#listingPath(commit),
      JSON.stringify({ format_version: 1, files }, null, 1),
    );
  }

  /** Whether `huggingface_hub` has noted that a commit lacks a file. */
  async isKnownMissing(commit: string, path: string): Promise<boolean> {
    return await isFile(join(this.folder, ".no_exist", commit, path));
  }

  #listingPath(commit: string): string {
    return join(this.folder, "trees", `${commit}.json`);
  }

  async #write(place: string, text: string): Promise<void> {
    await writing(this.#subject.name, place, async () => {
      await Deno.mkdir(dirname(place), { recursive: true });
      replaceFile(place, text);
    });
  }
}

/** Gives a content another name; nobody sees half of it there. */
async function linkTo(blob: string, pointer: string): Promise<void> {
  try {
    await Deno.symlink(relative(dirname(pointer), blob), pointer);
  } catch (error) {
    if (isFull(error) || error instanceof Deno.errors.AlreadyExists) {
      throw error;
    }
    // Windows asks for a right to make links, Deno for all of the disk.
    try {
      await Deno.link(blob, pointer);
    } catch {
      await copyWhole(blob, pointer);
    }
  }
}

async function copyWhole(from: string, place: string): Promise<void> {
  const copy = temporaryFile(place);
  try {
    await Deno.copyFile(from, copy.path);
    await Deno.rename(copy.path, place);
  } catch (error) {
    await Deno.remove(copy.path).catch(() => {});
    throw error;
  } finally {
    copy.release();
  }
}

interface Entry {
  size: number;
  blob_id: string;
  lfs_sha256?: string;
  lfs_size?: number;
}

/**
 * Whether an entry of a list can be trusted to name a file within the
 * repository and a content within `blobs`.
 */
export function isRepositoryFile(file: RepositoryFile): boolean {
  return isSafePath(file.path) && Number.isSafeInteger(file.size) &&
    file.size >= 0 && isCommit(file.oid) &&
    (file.sha256 === undefined || /^[0-9a-f]{64}$/.test(file.sha256));
}

/** Whether there is a file, of the given size. */
export async function isFile(path: string, size?: number): Promise<boolean> {
  try {
    const status = await Deno.stat(path);
    return status.isFile && (size === undefined || status.size === size);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}

function isFull(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EROFS";
}
