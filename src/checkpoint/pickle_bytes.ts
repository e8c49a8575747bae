import { CheckpointError } from "../fusion_error.ts";

/** Longest string in a pickle, in bytes; tensor names have some hundred. */
const LONGEST_STRING = 1 << 20;
/** Longest module or class name in a pickle, in bytes. */
const LONGEST_NAME = 256;
/** Longest integer in a pickle, in bytes. */
const LONGEST_INTEGER = 64;

/** A pickle ends before its last instruction. */
export class CutOffPickle extends CheckpointError {}

/** A pickle's bytes, taken one after the other. */
export class PickleBytes {
  /** The next byte's place. */
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #source: string;

  /**
   * @param source What error messages call the file.
   * @param position Where the pickle begins in `bytes`.
   */
  constructor(source: string, bytes: Uint8Array, position: number) {
    this.#source = source;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
  }

  /** An error that tells the place in the pickle. */
  fail(problem: string): never {
    throw new CheckpointError(
      `${this.#source}: ${problem}, at byte ${this.position} of its pickle`,
    );
  }

  /** An unsigned byte. */
  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  /** A little-endian unsigned integer of 2 bytes. */
  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  /** A little-endian signed integer of 4 bytes. */
  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** A little-endian unsigned integer of 4 bytes. */
  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A little-endian unsigned integer of 8 bytes; inexact above 2^53. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** A big-endian float of 8 bytes. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** A little-endian integer in two's complement; a bigint where it is large. */
  integer(length: number): number | bigint {
    this.#limit(length, LONGEST_INTEGER, "an integer");
    const begin = this.#advance(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) {
      value = value << 8n | BigInt(this.#bytes[begin + i]!);
    }
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** Text in UTF-8. */
  text(length: number): string {
    this.#limit(length, LONGEST_STRING, "a string");
    const begin = this.#advance(length);
    const bytes = this.#bytes.subarray(begin, begin + length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
        .decode(bytes);
    } catch {
      return this.fail("a string is not valid UTF-8");
    }
  }

  /** Passes over bytes whose content does not matter. */
  skip(length: number): void {
    this.#limit(length, LONGEST_STRING, "a byte string");
    this.#advance(length);
  }

  /** A module's or a class' name, up to the end of the line. */
  line(): string {
    const end = this.#bytes.subarray(0, this.position + LONGEST_NAME)
      .indexOf(0x0a, this.position);
    if (end < 0) {
      if (this.#bytes.length - this.position < LONGEST_NAME) this.#cutOff();
      return this.fail(`a name is longer than ${LONGEST_NAME} bytes`);
    }
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }

  #limit(length: number, longest: number, what: string): void {
    if (length > longest) {
      this.fail(`${what} of ${length} bytes, expected at most ${longest}`);
    }
  }

  #advance(length: number): number {
    const begin = this.position;
    if (begin + length > this.#bytes.length) this.#cutOff();
    this.position += length;
    return begin;
  }

  #cutOff(): never {
    throw new CutOffPickle(`${this.#source} is cut off within its pickle`);
  }
}
