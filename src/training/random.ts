/**
 * Random numbers that depend on nothing but a seed and the names of what they
 * are for, so that a run that was stopped draws the same ones again: nothing
 * about them has to be stored.
 *
 * @param seed Any whole number.
 * @param names What tells this sequence from others: `order`, the epoch, ….
 * @returns A function that gives the next uniform number in [0, 1).
 * @see https://github.com/aappleby/smhasher (MurmurHash3's finaliser, public
 * domain)
 */
export function randomSequence(
  seed: number,
  ...names: readonly (string | number)[]
): () => number {
  let hash = scramble(seed | 0);
  for (const byte of new TextEncoder().encode(names.join("\0"))) {
    hash = scramble(hash + byte + 0x9e3779b9 | 0);
  }
  const first = hash;
  const second = scramble(hash ^ 0x9e3779b9);
  let index = 0;
  return () => {
    const value = scramble(scramble(index++ + first | 0) + second | 0);
    return (value >>> 8) * 2 ** -24;
  };
}

/** Every input bit moves every output bit. */
function scramble(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) | 0;
}

/**
 * Runs something with `Math.random` seeded, which TensorFlow.js draws the seed
 * of `tf.randomUniform` from: stochastic depth repeats too.
 */
export function withSeededRandom<Result>(
  random: () => number,
  run: () => Result,
): Result {
  const original = Math.random;
  Math.random = random;
  try {
    return run();
  } finally {
    Math.random = original;
  }
}
