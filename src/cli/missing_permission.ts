/** Deno's own words, wherever a message quotes them. */
const REQUIRES =
  /Requires ([a-z]+) access(?: to "?(.+?)"?)?, run again with the (--allow-[a-z]+) flag/;

/**
 * Tells which of Deno's permissions is missing, where that is what went wrong.
 *
 * @returns One line that names the flag; undefined if it is something else.
 */
export function missingPermission(error: unknown): string | undefined {
  for (
    let cause = error, depth = 0;
    cause instanceof Error && depth < 9;
    cause = cause.cause, depth++
  ) {
    const [, kind, what, flag] = REQUIRES.exec(cause.message) ?? [];
    if (flag === undefined) continue;
    const value = what === undefined ? "" : `=${what}`;
    return `no permission (${kind}${
      what === undefined ? "" : ` of ${what}`
    }): run again with ${flag}${
      /^[^\s,]*$/.test(value) ? value : ""
    } after \`deno run\`; \`fusion COMMAND --help\` lists what a command needs`;
  }
  return undefined;
}
