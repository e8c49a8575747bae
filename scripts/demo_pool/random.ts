/**
 * Uniform numbers in [0, 1) that depend on a seed and names only, so that each
 * image can be drawn again by itself (Mulberry32 on an FNV-1a hash).
 */
export class Random {
  #state = 0x811c9dc5;

  constructor(...names: readonly (string | number)[]) {
    for (const byte of new TextEncoder().encode(names.join("\0"))) {
      this.#state = Math.imul(this.#state ^ byte, 0x01000193);
    }
  }

  uniform(from = 0, to = 1): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let hash = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    hash ^= hash + Math.imul(hash ^ (hash >>> 7), hash | 61);
    return from + (to - from) * ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  }

  /** One of several. */
  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.uniform() * items.length)]!;
  }

  /** About normal: mean 0, standard deviation 1. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}
