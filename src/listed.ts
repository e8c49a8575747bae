/**
 * Lists texts in a message: the first `most`, and how many more there are.
 *
 * @returns `a, b and 5 more`; `nothing` if there are none.
 */
export function listed(texts: readonly string[], most: number): string {
  const first = texts.slice(0, most).join(", ") || "nothing";
  return texts.length > most
    ? `${first} and ${texts.length - most} more`
    : first;
}
