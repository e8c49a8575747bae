/**
 * Random numbers that depend on nothing but a seed, a place's names and an
 * element's index: the same on every backend and for every chunk size, and
 * drawn without state.
 *
 * Each number is the index, scrambled by MurmurHash3's 32-bit finaliser twice,
 * with a key from the seed and the names added before each. The upper 24 bits
 * are the number: exact in float32, and never 1.
 *
 * https://github.com/aappleby/smhasher (MurmurHash3, public domain)
 *
 * @param seed Any integer.
 * @param names What tells this sequence from others: a model's name, a
 * tensor's name.
 * @param begin Index of the first element.
 * @param length How many numbers.
 * @returns Uniform numbers in [0, 1).
 */
export function randomUniform(
  seed: number,
  names: readonly string[],
  begin: number,
  length: number,
): Float32Array {
  const first = hashText(seed, names.join("\0"));
  const second = scramble(first ^ 0x9e3779b9);
  const numbers = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const hash = scramble(scramble((begin + i + first) | 0) + second | 0);
    numbers[i] = (hash >>> 8) * 2 ** -24;
  }
  return numbers;
}

/**
 * Standard normal numbers, likewise (Box and Muller).
 *
 * @param seed Any integer.
 * @param names What tells this sequence from others.
 * @param length How many numbers.
 */
export function randomNormal(
  seed: number,
  names: readonly string[],
  length: number,
): Float32Array {
  const radius = randomUniform(seed, [...names, "radius"], 0, length);
  const angle = randomUniform(seed, [...names, "angle"], 0, length);
  return radius.map((u, i) =>
    Math.sqrt(-2 * Math.log1p(-u)) * Math.cos(2 * Math.PI * angle[i]!)
  );
}

/** MurmurHash3's finaliser: every input bit moves every output bit. */
function scramble(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) | 0;
}

function hashText(seed: number, text: string): number {
  let hash = scramble(seed | 0);
  for (const byte of new TextEncoder().encode(text)) {
    hash = scramble(hash + byte + 0x9e3779b9 | 0);
  }
  return hash;
}
