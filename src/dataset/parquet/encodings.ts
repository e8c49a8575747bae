/**
 * Parquet's encodings of what image data sets have: integers and bytes. Every
 * length is checked against the bytes there are before anything is allocated.
 *
 * @see https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */

/** Values of a page without its nulls. */
export type PageValues = ArrayLike<number> | readonly Uint8Array[];

/** Runs of equal values and bit-packed values, in turn. */
export function readHybrid(
  bytes: Uint8Array,
  width: number,
  count: number,
): Uint32Array {
  if (width > 32) throw new Error(`values of ${width} bits`);
  const values = new Uint32Array(count);
  if (width === 0) return values;
  const reader = { bytes, offset: 0 };
  for (let seen = 0; seen < count;) {
    const header = readVarint(reader);
    if (header % 2 === 1) {
      const packed = Math.min((header - 1) / 2 * 8, count - seen);
      if (packed === 0) throw new Error("an empty run");
      unpack(bytes, reader.offset, width, values, seen, packed);
      seen += packed;
      reader.offset += (header - 1) / 2 * width;
    } else {
      const length = header / 2;
      if (length === 0) throw new Error("an empty run");
      let value = 0;
      for (let i = 0; i < width; i += 8) {
        value += readByte(reader) * 2 ** i;
      }
      const end = Math.min(seen + length, count);
      values.fill(value, seen, end);
      seen = end;
    }
  }
  return values;
}

function unpack(
  bytes: Uint8Array,
  offset: number,
  width: number,
  values: Uint32Array,
  first: number,
  count: number,
): void {
  if (offset + Math.ceil(count * width / 8) > bytes.length) {
    throw new Error("bit-packed values cut off");
  }
  for (let i = 0, bit = offset * 8; i < count; i++) {
    let value = 0;
    for (let got = 0; got < width;) {
      const inByte = bit % 8;
      const take = Math.min(8 - inByte, width - got);
      const part = bytes[(bit - inByte) / 8]! >> inByte & (1 << take) - 1;
      value += part * 2 ** got;
      got += take;
      bit += take;
    }
    values[first + i] = value;
  }
}

/** Little-endian integers one after the other. */
export function readPlainIntegers(
  bytes: Uint8Array,
  size: 4 | 8,
  count: number,
): Float64Array {
  if (count * size > bytes.length) throw new Error("integers cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Float64Array.from(
    { length: count },
    (_, i) =>
      size === 4
        ? view.getInt32(4 * i, true)
        : Number(view.getBigInt64(8 * i, true)),
  );
}

/** Bytes of any length, each after its length. */
export function readPlainBytes(
  bytes: Uint8Array,
  count: number,
): Uint8Array[] {
  if (count * 4 > bytes.length) throw new Error("byte arrays cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values: Uint8Array[] = [];
  for (let i = 0, offset = 0; i < count; i++) {
    if (offset + 4 > bytes.length) throw new Error("byte arrays cut off");
    const end = offset + 4 + view.getUint32(offset, true);
    if (end > bytes.length) throw new Error("byte arrays cut off");
    values.push(bytes.subarray(offset + 4, end));
    offset = end;
  }
  return values;
}

/** Integers as differences, in blocks of bit-packed miniblocks. */
export function readDeltas(
  bytes: Uint8Array,
  count: number,
): { values: Float64Array; end: number } {
  const reader = { bytes, offset: 0 };
  const blockSize = readVarint(reader);
  const miniblocks = readVarint(reader);
  const total = readVarint(reader);
  const perMiniblock = blockSize / miniblocks;
  if (
    total !== count || !Number.isInteger(perMiniblock) ||
    perMiniblock % 8 !== 0 || perMiniblock === 0 || miniblocks > bytes.length
  ) {
    throw new Error(`${total} differences for ${count} values`);
  }
  const values = new Float64Array(count);
  let value = readZigzag(reader);
  if (count > 0) values[0] = value;
  for (let seen = 1; seen < count;) {
    const least = readZigzag(reader);
    const widths = Array.from({ length: miniblocks }, () => readByte(reader));
    for (const width of widths) {
      if (seen >= count) break;
      const used = Math.min(perMiniblock, count - seen);
      const differences = new Uint32Array(used);
      if (width > 32) throw new Error(`differences of ${width} bits`);
      unpack(bytes, reader.offset, width, differences, 0, used);
      reader.offset += perMiniblock * width / 8;
      for (const difference of differences) {
        value += least + difference;
        values[seen++] = value;
      }
    }
  }
  return { values, end: reader.offset };
}

/** All lengths as differences, then all bytes. */
export function readDeltaLengthBytes(
  bytes: Uint8Array,
  count: number,
): Uint8Array[] {
  const { values: lengths, end } = readDeltas(bytes, count);
  let offset = end;
  return Array.from(lengths, (length) => {
    if (!(length >= 0 && offset + length <= bytes.length)) {
      throw new Error("byte arrays cut off");
    }
    return bytes.subarray(offset, offset += length);
  });
}

interface Reader {
  readonly bytes: Uint8Array;
  offset: number;
}

function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.offset++];
  if (byte === undefined) throw new Error("values cut off");
  return byte;
}

function readVarint(reader: Reader): number {
  let value = 0;
  for (let factor = 1, length = 1; length <= 8; factor *= 128, length++) {
    const byte = readByte(reader);
    value += (byte & 127) * factor;
    if (byte < 128) return value;
  }
  throw new Error("a number of more than 8 bytes");
}

function readZigzag(reader: Reader): number {
  const value = readVarint(reader);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
