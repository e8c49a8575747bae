/** Which weights a task vector raises and which it lowers, a bit a weight. */
export interface SignBits {
  /** A bit for each weight that is raised. */
  readonly raised: Int32Array;
  /** A bit for each weight that is lowered. */
  readonly lowered: Int32Array;
}

/** The signs of a task vector; a weight that stays has neither bit. */
export function signBits(delta: Float32Array): SignBits {
  const words = Math.ceil(delta.length / 32);
  const raised = new Int32Array(words);
  const lowered = new Int32Array(words);
  // Without a branch a weight: signs are as good as random.
  for (let i = 0; i < delta.length; i++) {
    const value = delta[i]!;
    raised[i >> 5]! |= Number(value > 0) << (i & 31);
    lowered[i >> 5]! |= Number(value < 0) << (i & 31);
  }
  return { raised, lowered };
}

/** What at least one of several task vectors raises or lowers. */
export function anySign(signs: readonly SignBits[]): SignBits {
  const anyOf = (rows: readonly Int32Array[]): Int32Array =>
    rows.reduce((any, row) => any.map((bits, i) => bits | row[i]!));
  return {
    raised: anyOf(signs.map(({ raised }) => raised)),
    lowered: anyOf(signs.map(({ lowered }) => lowered)),
  };
}

/** Weights that one of two raises and the other lowers. */
export function countConflicts(a: SignBits, b: SignBits): number {
  let count = 0;
  for (let i = 0; i < a.raised.length; i++) {
    count += countBits(
      (a.raised[i]! & b.lowered[i]!) | (a.lowered[i]! & b.raised[i]!),
    );
  }
  return count;
}

/** Number of bits set in 32. */
function countBits(bits: number): number {
  bits -= (bits >>> 1) & 0x55555555;
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
