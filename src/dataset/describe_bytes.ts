/** First bytes, as Latin-1 text, of kinds of file that are taken for images. */
const SIGNATURES: readonly [start: string, kind: string][] = [
  ["\xff\xd8\xff", "a damaged or cut-off JPEG"],
  ["\x89PNG", "a damaged or cut-off PNG"],
  ["GIF8", "a damaged or cut-off GIF"],
  ["RIFF", "a damaged or cut-off WebP"],
  ["II*\0", "a damaged or unusual TIFF"],
  ["MM\0*", "a damaged or unusual TIFF"],
  ["BM", "a BMP image"],
  ["\0\0\0\fjP", "a JPEG 2000 image"],
  ["%PDF", "a PDF"],
  ["\x1f\x8b", "a gzip file"],
  ["PK\x03\x04", "a zip file"],
  ["PAR1", "a parquet file"],
  ["\x89HDF", "an HDF5 file"],
  ["version https://git-lfs", "a Git LFS pointer (run `git lfs pull`)"],
];

/** What a file that is no image seems to be instead, for error messages. */
export function describeBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = bytes.subarray(0, 256);
  const text = Array.from(start, (byte) => String.fromCharCode(byte)).join("");
  const known = SIGNATURES.find(([signature]) => text.startsWith(signature));
  if (known) return known[1];
  const trimmed = text.trimStart().toLowerCase();
  if (trimmed.startsWith("<svg") || trimmed.includes("<svg ")) {
    return "an SVG drawing";
  }
  if (trimmed.startsWith("<!doctype html") || trimmed.startsWith("<html")) {
    return "a web page";
  }
  const printable = start.every((byte) =>
    byte === 9 || byte === 10 || byte === 13 || byte >= 32
  );
  if (printable) {
    return `text (${JSON.stringify(text.slice(0, 24))}${
      text.length > 24 ? "…" : ""
    })`;
  }
  return `unknown bytes (${
    Array.from(start.subarray(0, 4), (b) => b.toString(16).padStart(2, "0"))
      .join(" ")
  })`;
}
