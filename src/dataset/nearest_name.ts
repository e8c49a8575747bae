/** The name that takes the fewest edits (Levenshtein) to reach from `word`. */
export function nearestName(
  word: string,
  names: readonly string[],
): string | undefined {
  let best: string | undefined;
  let fewest = Infinity;
  for (const name of names) {
    const edits = distance(word.toLowerCase(), name.toLowerCase());
    if (edits < fewest) [best, fewest] = [name, edits];
  }
  return best;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(
        Math.min(substitute, previous[j]! + 1, current[j - 1]! + 1),
      );
    }
    previous = current;
  }
  return previous[b.length]!;
}
