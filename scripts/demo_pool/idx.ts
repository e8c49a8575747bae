/**
 * Writes a gzipped IDX file: element type and rank, sizes, elements, all
 * big-endian.
 */
export async function writeIdx(
  path: string,
  shape: readonly number[],
  data: Uint8Array | Int16Array,
): Promise<void> {
  const header = 4 + 4 * shape.length;
  const view = new DataView(new ArrayBuffer(header + data.byteLength));
  view.setUint8(2, data instanceof Uint8Array ? 0x08 : 0x0b);
  view.setUint8(3, shape.length);
  shape.forEach((size, i) => view.setUint32(4 + 4 * i, size));
  if (data instanceof Uint8Array) new Uint8Array(view.buffer).set(data, header);
  else data.forEach((value, i) => view.setInt16(header + 2 * i, value));
  const zipped = new Blob([view.buffer]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  await Deno.writeFile(path, zipped);
}
