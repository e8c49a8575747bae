import { type ElementProgram, elementProgram } from "./program.ts";

const PAGE = 1 << 16;
const VECTOR = 4;

/** Rows of float32 numbers in a memory of their own, with the loops over them. */
export class ElementMemory {
  /** Elements that a row holds. */
  readonly capacity: number;
  /** The loops. */
  readonly program: ElementProgram;
  readonly #rows: readonly Float32Array[];
  readonly #bins: Uint32Array;

  /**
   * @param rows How many rows.
   * @param capacity Elements of a row.
   * @param bins Bins for counts.
   */
  constructor(rows: number, capacity: number, bins = 0) {
    this.capacity = Math.ceil(capacity / VECTOR) * VECTOR;
    const bytes = 4 * (rows * this.capacity + bins);
    const memory = new WebAssembly.Memory({
      initial: Math.max(1, Math.ceil(bytes / PAGE)),
    });
    this.program = elementProgram(memory);
    this.#rows = Array.from(
      { length: rows },
      (_, i) =>
        new Float32Array(memory.buffer, 4 * i * this.capacity, this.capacity),
    );
    this.#bins = new Uint32Array(
      memory.buffer,
      4 * rows * this.capacity,
      bins,
    );
  }

  /** The first elements of a row. */
  values(row: number, length: number): Float32Array {
    return this.#rows[row]!.subarray(0, length);
  }

  /** A row's place, in bytes. */
  address(row: number): number {
    return this.#rows[row]!.byteOffset;
  }

  /**
   * Place after so many elements of a row, rounded up to whole vectors, whose
   * other elements are 0 from now on.
   */
  end(row: number, length: number): number {
    const whole = Math.ceil(length / VECTOR) * VECTOR;
    this.#rows[row]!.fill(0, length, whole);
    return this.address(row) + 4 * whole;
  }

  /** Sets a row's elements to 0, the rest of the last vector too. */
  clear(row: number, length: number): void {
    this.#rows[row]!.fill(0, 0, Math.ceil(length / VECTOR) * VECTOR);
  }

  /** The bins. */
  get bins(): Uint32Array {
    return this.#bins;
  }
}

/** Elements of the last vector that do not belong to so many elements. */
export function padding(length: number): number {
  return Math.ceil(length / VECTOR) * VECTOR - length;
}
