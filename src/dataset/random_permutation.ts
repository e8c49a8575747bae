const SIZE = 624;
const SHIFT = 397;

/**
 * The Mersenne Twister with 32 bits, as torch's generator on the CPU.
 *
 * Matsumoto and Nishimura 1998, https://doi.org/10.1145/272991.272995
 */
function* mersenneTwister(seed: number): Generator<number, never> {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const last = state[i - 1]! ^ state[i - 1]! >>> 30;
    state[i] = Math.imul(last, 1_812_433_253) + i;
  }
  for (;;) {
    for (let i = 0; i < SIZE; i++) {
      const bits = state[i]! & 0x80000000 | state[(i + 1) % SIZE]! & 0x7fffffff;
      state[i] = state[(i + SHIFT) % SIZE]! ^ bits >>> 1 ^
        (bits & 1 ? 0x9908b0df : 0);
    }
    for (let value of state) {
      value ^= value >>> 11;
      value ^= value << 7 & 0x9d2c5680;
      value ^= value << 15 & 0xefc60000;
      yield (value ^ value >>> 18) >>> 0;
    }
  }
}

/**
 * The numbers from 0 to `length - 1` in random order, equal to
 * `torch.randperm(length, generator=torch.Generator().manual_seed(seed))`.
 *
 * @param seed A whole number of 32 bits.
 */
export function randomPermutation(length: number, seed: number): Uint32Array {
  const numbers = Uint32Array.from({ length }, (_, i) => i);
  const random = mersenneTwister(seed);
  for (let i = 0; i < length - 1; i++) {
    const other = i + random.next().value % (length - i);
    const number = numbers[i]!;
    numbers[i] = numbers[other]!;
    numbers[other] = number;
  }
  return numbers;
}
