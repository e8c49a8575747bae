const SIZE = 624;
const SHIFT = 397;

/** Numbers that `normal_` makes at once. */
const GROUP = 16;

/**
 * Random numbers as PyTorch's on the CPU, so that a seed means here what it
 * means there.
 *
 * Mersenne Twister: Matsumoto and Nishimura 1998,
 * https://doi.org/10.1145/272991.272995
 *
 * @example
 * ```ts
 * const generator = new TorchGenerator(0);
 * console.log(generator.permutation(4)); // 0, 1, 3, 2: torch.randperm(4)
 * ```
 */
export class TorchGenerator {
  readonly #state = new Uint32Array(SIZE);
  #next = SIZE;

  /** As `torch.Generator().manual_seed(seed)`, of whose bits 32 count. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < SIZE; i++) {
      const last = state[i - 1]! ^ state[i - 1]! >>> 30;
      state[i] = Math.imul(last, 1_812_433_253) + i;
    }
  }

  #renew(): void {
    const state = this.#state;
    for (let i = 0; i < SIZE; i++) {
      const bits = state[i]! & 0x80000000 | state[(i + 1) % SIZE]! & 0x7fffffff;
      state[i] = state[(i + SHIFT) % SIZE]! ^ bits >>> 1 ^
        (bits & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }

  /** The next whole number of 32 bits. */
  random(): number {
    if (this.#next === SIZE) this.#renew();
    let value = this.#state[this.#next++]!;
    value ^= value >>> 11;
    value ^= value << 7 & 0x9d2c5680;
    value ^= value << 15 & 0xefc60000;
    return (value ^ value >>> 18) >>> 0;
  }

  /** Passes over as many whole numbers. */
  skip(count: number): void {
    for (let i = 0; i < count; i++) this.random();
  }

  /** The numbers from 0 to `length - 1` in random order, as `randperm`. */
  permutation(length: number): Uint32Array {
    const numbers = Uint32Array.from({ length }, (_, i) => i);
    for (let i = 0; i < length - 1; i++) {
      const other = i + this.random() % (length - i);
      const number = numbers[i]!;
      numbers[i] = numbers[other]!;
      numbers[other] = number;
    }
    return numbers;
  }

  /**
   * Numbers from a normal distribution around 0, as `normal_` fills a float32
   * tensor of at least 16 numbers (to the last bits); with fewer, of a fuller
   * tensor's beginning.
   *
   * @param deviation The standard deviation.
   */
  normal(length: number, deviation: number): Float32Array {
    const numbers = Float32Array.from(
      { length: Math.max(length, GROUP) },
      () => this.#uniform(),
    );
    for (let i = 0; i + GROUP <= numbers.length; i += GROUP) {
      boxMuller(numbers.subarray(i, i + GROUP), deviation);
    }
    if (numbers.length % GROUP > 0) {
      const last = numbers.subarray(-GROUP).map(() => this.#uniform());
      boxMuller(last, deviation);
      numbers.set(last, numbers.length - GROUP);
    }
    return numbers.subarray(0, length);
  }

  /** The next number in [0, 1), of float32. */
  #uniform(): number {
    return (this.random() & 0xffffff) * 2 ** -24;
  }
}

/** Turns sixteen uniform numbers into normal ones (Box and Muller). */
function boxMuller(numbers: Float32Array, deviation: number): void {
  for (let i = 0; i < GROUP / 2; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - numbers[i]!));
    const angle = 2 * Math.PI * numbers[i + GROUP / 2]!;
    numbers[i] = deviation * radius * Math.cos(angle);
    numbers[i + GROUP / 2] = deviation * radius * Math.sin(angle);
  }
}
