import { editDistance } from "../nearest.ts";

/** The name that takes the fewest edits (Levenshtein) to reach from `word`. */
export function nearestName(
  word: string,
  names: readonly string[],
): string | undefined {
  let best: string | undefined;
  let fewest = Infinity;
  for (const name of names) {
    const edits = editDistance(word.toLowerCase(), name.toLowerCase());
    if (edits < fewest) [best, fewest] = [name, edits];
  }
  return best;
}
