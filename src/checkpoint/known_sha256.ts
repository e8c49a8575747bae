import { basename, dirname, join } from "@std/path";
import { replaceFile } from "../replace_file.ts";
import { sha256File } from "./sha256.ts";

/** What tells that a file is still the one that was hashed. */
interface KnownFile {
  size: number;
  /** Time of the last change, in milliseconds. */
  changed: number;
  inode: number | null;
  sha256: string;
}

/**
 * SHA-256 of a file, remembered for as long as its size, inode and time of
 * change stay the same: hashing a pool takes longer than merging it. Blobs of
 * Hugging Face's cache carry theirs in their name.
 *
 * @returns 64 hexadecimal digits.
 * @throws {CheckpointError} If the file cannot be read.
 */
export async function knownSha256(path: string): Promise<string> {
  const place = await Deno.realPath(path).catch(() => path);
  if (basename(dirname(place)) === "blobs" && isSha256(basename(place))) {
    return basename(place);
  }
  const { size, mtime, ino } = await Deno.stat(place).catch(() =>
    ({}) as Partial<Deno.FileInfo>
  );
  const file = memoryFile();
  if (!file || size === undefined || !mtime) return await sha256File(path);
  const changed = mtime.getTime();
  const inode = ino ?? null;
  const known = (await readMemory(file))[place];
  if (
    known?.size === size && known.changed === changed &&
    known.inode === inode && isSha256(known.sha256)
  ) return known.sha256;
  const sha256 = await sha256File(path);
  await remember(file, place, { size, changed, inode, sha256 });
  return sha256;
}

function isSha256(text: unknown): boolean {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

/** Where hashes are remembered; undefined where the environment may not be read. */
function memoryFile(): string | undefined {
  try {
    const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
    const cache = Deno.env.get("XDG_CACHE_HOME") ??
      (home && join(home, ".cache"));
    return cache && join(cache, "convnext-fusion", "sha256.json");
  } catch {
    return undefined;
  }
}

async function readMemory(file: string): Promise<Record<string, KnownFile>> {
  try {
    const memory: unknown = JSON.parse(await Deno.readTextFile(file));
    return typeof memory === "object" && memory !== null
      ? memory as Record<string, KnownFile>
      : {};
  } catch {
    return {};
  }
}

async function remember(
  file: string,
  place: string,
  known: KnownFile,
): Promise<void> {
  try {
    await Deno.mkdir(dirname(file), { recursive: true });
    const memory = { ...await readMemory(file), [place]: known };
    replaceFile(file, JSON.stringify(memory));
  } catch {
    // It is hashed again the next time.
  }
}
