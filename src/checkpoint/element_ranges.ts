/** Which elements of a tensor have been written: a union of ranges. */
export class ElementRanges {
  /** Disjoint, in order, not touching. */
  #ranges: [begin: number, end: number][] = [];

  /** Adds [begin, end). */
  add(begin: number, end: number): void {
    if (begin === end) return;
    const last = this.#ranges.at(-1);
    if (last && last[1] === begin) { // in order: the common case
      last[1] = end;
      return;
    }
    const merged: [number, number] = [begin, end];
    const before: [number, number][] = [];
    const after: [number, number][] = [];
    for (const range of this.#ranges) {
      if (range[1] < begin) before.push(range);
      else if (range[0] > end) after.push(range);
      else {
        merged[0] = Math.min(merged[0], range[0]);
        merged[1] = Math.max(merged[1], range[1]);
      }
    }
    this.#ranges = [...before, merged, ...after];
  }

  /** Number of elements in the union. */
  get count(): number {
    return this.#ranges.reduce((sum, [begin, end]) => sum + end - begin, 0);
  }
}
