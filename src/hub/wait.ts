/** Waits, unless it is called off. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The longest that a `Retry-After` is obeyed: the hub counts in windows of 5 minutes. */
const LONGEST_WAIT = 300_000;

/**
 * Milliseconds before the next attempt: what the server says in `Retry-After`,
 * else twice as long as the last time, spread so that many who failed at once
 * do not come back at once.
 *
 * @param failures How many attempts have failed, at least one.
 */
export function retryDelay(
  failures: number,
  first: number,
  response?: Response,
): number {
  const text = response?.headers.get("Retry-After");
  if (text) {
    const seconds = Number(text);
    const delay = Number.isNaN(seconds)
      ? Date.parse(text) - Date.now()
      : seconds * 1000;
    if (!Number.isNaN(delay)) {
      return Math.min(Math.max(delay, 0), LONGEST_WAIT);
    }
  }
  return first * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
}
