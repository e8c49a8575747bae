import {
  brotliDecompressSync,
  gunzipSync,
  zstdDecompressSync,
} from "node:zlib";
import { snappyUncompress } from "hyparquet";

/** What one page may hold: 512 MiB. */
export const LARGEST_PAGE = 2 ** 29;

// A Snappy copy of 3 bytes stands for 64: what claims more is a bomb.
const SNAPPY_RATIO = 22;

/**
 * Decompresses a page into exactly `size` bytes; never makes more.
 *
 * @param codec As parquet calls it.
 * @throws {Error} If the bytes are damaged, or are not of that size.
 */
export function decompress(
  bytes: Uint8Array,
  size: number,
  codec: string,
): Uint8Array {
  if (size > LARGEST_PAGE) {
    throw new Error(`a page of ${size} bytes, of ${LARGEST_PAGE} at most`);
  }
  const page = size === 0 && bytes.length === 0
    ? bytes
    : inflate(bytes, size, codec);
  if (page.length === size) return page;
  throw new Error(`a page of ${page.length} bytes instead of ${size}`);
}

function inflate(bytes: Uint8Array, size: number, codec: string): Uint8Array {
  const limit = { maxOutputLength: Math.max(size, 1) };
  switch (codec) {
    case "UNCOMPRESSED":
      return bytes;
    case "SNAPPY": {
      if (size > bytes.length * SNAPPY_RATIO) {
        throw new Error(`${bytes.length} bytes that claim to be ${size}`);
      }
      const page = new Uint8Array(size);
      snappyUncompress(bytes, page);
      return page;
    }
    case "GZIP":
      return gunzipSync(bytes, limit);
    case "ZSTD":
      return zstdDecompressSync(bytes, limit);
    case "BROTLI":
      return brotliDecompressSync(bytes, limit);
    default:
      throw new Error(
        `compressed with ${codec}, instead of SNAPPY, GZIP, ZSTD, BROTLI or nothing`,
      );
  }
}
