import { createHash } from "node:crypto";

/** A file as the hub keeps it. */
export interface StoredFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Git's SHA-1, of the pointer where the file is large. */
  readonly oid: string;
  /** Given where the file is large. */
  readonly sha256?: string;
}

/** One commit: all files by path. */
export type Tree = ReadonlyMap<string, StoredFile>;

/** What may be set about a repository. */
export interface RepositoryOptions {
  type?: "model" | "dataset";
  /** Needs a token whose user has been let in. */
  gated?: boolean;
  /** Needs a token of its owner. */
  private?: boolean;
}

/** A repository: commits, and the branches and tags that point to them. */
export class StoredRepository {
  readonly commits = new Map<string, Tree>();
  readonly references = new Map<string, string>();
  /** Every commit's title, the oldest first. */
  readonly titles: string[] = [];

  constructor(readonly name: string, readonly options: RepositoryOptions = {}) {
    this.commit("main", new Map(), "initial commit");
  }

  get owner(): string {
    return this.name.split("/")[0]!;
  }

  /** Commits a whole tree to a branch. */
  commit(branch: string, tree: Tree, title: string): string {
    const id = createHash("sha1").update(
      `${this.name} ${this.commits.size} ${
        [...tree].map(([path, { oid }]) => `${path} ${oid}`)
      }`,
    ).digest("hex");
    this.commits.set(id, tree);
    this.references.set(branch, id);
    this.titles.push(title);
    return id;
  }

  /** The commit of a branch, tag or commit. */
  resolve(revision: string): string | undefined {
    return this.references.get(revision) ??
      (this.commits.has(revision) ? revision : undefined);
  }
}

/** Stores bytes as the hub would: large and binary ones outside of git. */
export function storeFile(
  path: string,
  content: Uint8Array<ArrayBuffer> | string,
): StoredFile {
  const bytes = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  if (!isLarge(path, bytes.length)) return { bytes, oid: gitHash(bytes) };
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const pointer =
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes.length}\n`;
  return { bytes, sha256, oid: gitHash(new TextEncoder().encode(pointer)) };
}

/** Whether the hub keeps a file outside of git. */
export function isLarge(path: string, size: number): boolean {
  return /\.(safetensors|bin|parquet|tar)$/.test(path) || size > 10_000_000;
}

function gitHash(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes)
    .digest("hex");
}
