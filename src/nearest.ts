/**
 * The candidate that a mistyped word most likely meant, by edit distance, or
 * undefined when none is close enough to be worth suggesting.
 *
 * @param word What was typed.
 * @param candidates The words that would have been right.
 */
export function nearest(
  word: string,
  candidates: Iterable<string>,
): string | undefined {
  const typed = word.toLowerCase();
  // A third of the letters may be wrong: past that a suggestion misleads.
  let best = Math.max(2, Math.ceil(typed.length / 3)) + 1;
  let found: string | undefined;
  for (const candidate of candidates) {
    const right = candidate.toLowerCase();
    const distance = Math.min(
      editDistance(typed, right),
      // A name typed without its folders, or a beginning of a long name.
      editDistance(typed, right.slice(right.lastIndexOf("/") + 1)) + 0.25,
      typed.length >= 3 && right.startsWith(typed) ? 1.5 : Infinity,
    );
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

/** Levenshtein distance; a swap of neighbours counts as one edit. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min(
        last[j]! + 1,
        row[j - 1]! + 1,
        last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
