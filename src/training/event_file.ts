import { type AppendedFile, appendedFile } from "./appended_file.ts";
import { maskedCrc32c } from "./crc32c.ts";

/**
 * Writes scalars as TensorBoard reads them: records of a length, its masked
 * CRC-32C, an `Event` message and its masked CRC-32C.
 *
 * https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
 */
export class EventFile {
  readonly #file: AppendedFile;

  /**
   * Opens a file to append to, or begins it.
   *
   * @param path Its name must hold `tfevents`.
   * @param length Bytes to keep of what is there. @default {0}
   */
  constructor(path: string, length: number = 0) {
    const version = bytesField(3, new TextEncoder().encode("brain.Event:2"));
    this.#file = appendedFile(path, length, record(version));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#file.length;
  }

  /** Appends the values of a step, by their tags. */
  add(step: number, scalars: Readonly<Record<string, number>>): void {
    const values = Object.entries(scalars).map(([tag, value]) =>
      bytesField(
        1,
        joined(bytesField(1, new TextEncoder().encode(tag)), float(2, value)),
      )
    );
    this.#file.append(
      record(joined(integer(2, step), bytesField(5, joined(...values)))),
    );
  }

  /** Waits until all has reached the device. */
  sync(): void {
    this.#file.sync();
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

/** An event of now as the file has it. */
function record(fields: Uint8Array): Uint8Array {
  const event = joined(double(1, Date.now() / 1000), fields);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(event.length), true);
  return joined(length, checksum(length), event, checksum(event));
}

function checksum(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(4);
  new DataView(result.buffer).setUint32(0, maskedCrc32c(bytes), true);
  return result;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const result = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

// Fields of protocol buffers: key (number and wire type), then the value.

function double(field: number, value: number): Uint8Array {
  const result = new Uint8Array(9);
  result[0] = field << 3 | 1;
  new DataView(result.buffer).setFloat64(1, value, true);
  return result;
}

function float(field: number, value: number): Uint8Array {
  const result = new Uint8Array(5);
  result[0] = field << 3 | 5;
  new DataView(result.buffer).setFloat32(1, value, true);
  return result;
}

function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from([field << 3, ...variableLength(value)]);
}

function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return joined(
    Uint8Array.from([field << 3 | 2, ...variableLength(bytes.length)]),
    bytes,
  );
}

/** Seven bits a byte, the lowest first. */
function variableLength(value: number): number[] {
  const bytes: number[] = [];
  while (value >= 0x80) {
    bytes.push(value % 0x80 | 0x80);
    value = Math.floor(value / 0x80);
  }
  bytes.push(value);
  return bytes;
}
