/** A value of Thrift's compact protocol; a struct is a map by field number. */
export type ThriftValue =
  | boolean
  | number
  | Uint8Array
  | ThriftValue[]
  | ThriftStruct;

/** Fields by their numbers. */
export type ThriftStruct = Map<number, ThriftValue>;

const DEEPEST = 24;

/**
 * Reads a struct of Thrift's compact protocol, which parquet's headers are
 * made of. Trusts nothing: what is read costs no more than the bytes there are.
 *
 * @throws {RangeError} If the bytes end too early.
 * @throws {Error} If they are no struct.
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export function readThrift(
  bytes: Uint8Array,
  begin: number,
): { value: ThriftStruct; end: number } {
  const reader = new ThriftReader(bytes, begin);
  return { value: reader.struct(0), end: reader.offset };
}

class ThriftReader {
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array, public offset: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEEPEST) throw new Error(`nested more than ${DEEPEST} deep`);
    const fields: ThriftStruct = new Map();
    for (let id = 0;;) {
      const byte = this.#byte();
      const type = byte & 15;
      if (type === 0) return fields;
      id = byte >> 4 ? id + (byte >> 4) : this.#zigzag();
      fields.set(id, this.#value(type, depth));
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case 1:
        return true;
      case 2:
        return false;
      case 3:
        return this.#byte() << 24 >> 24;
      case 4:
      case 5:
      case 6:
        return this.#zigzag();
      case 7: {
        const value = this.#view.getFloat64(this.offset, true);
        this.offset += 8;
        return value;
      }
      case 8:
        return this.#binary();
      case 9:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Error(`element type ${type} at byte ${this.offset}`);
    }
  }

  #binary(): Uint8Array {
    const end = this.#varint() + this.offset;
    if (end > this.bytes.length) throw new RangeError("text cut off");
    const value = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return value;
  }

  #list(depth: number): ThriftValue[] {
    if (depth > DEEPEST) throw new Error(`nested more than ${DEEPEST} deep`);
    const byte = this.#byte();
    const type = byte & 15;
    const size = byte >> 4 === 15 ? this.#varint() : byte >> 4;
    // No element takes less than a byte.
    if (size > this.bytes.length - this.offset) {
      throw new RangeError(`list of ${size} elements cut off`);
    }
    const values: ThriftValue[] = [];
    for (let i = 0; i < size; i++) {
      values.push(
        type === 1 || type === 2
          ? this.#byte() === 1
          : this.#value(type, depth + 1),
      );
    }
    return values;
  }

  #byte(): number {
    const byte = this.bytes[this.offset++];
    if (byte === undefined) throw new RangeError("cut off");
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1, length = 1; length <= 10; factor *= 128, length++) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Error(`number of more than 10 bytes at byte ${this.offset}`);
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
