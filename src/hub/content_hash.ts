import { createHash } from "node:crypto";
import type { RepositoryFile } from "./repository_cache.ts";

/**
 * The hash by which the hub records a file: SHA-256 of a large file, git's
 * SHA-1 of a small one (its length is hashed first).
 */
export class ContentHash {
  readonly #hash: ReturnType<typeof createHash>;
  readonly #expected: string;

  constructor({ size, oid, sha256 }: RepositoryFile) {
    this.#expected = sha256 ?? oid;
    this.#hash = createHash(sha256 ? "sha256" : "sha1");
    if (!sha256) this.#hash.update(`blob ${size}\0`);
  }

  /** Adds the next bytes. */
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Whether all bytes together are the recorded file. */
  matches(): boolean {
    return this.#hash.digest("hex") === this.#expected;
  }
}
