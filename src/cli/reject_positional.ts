import { parseOverrides } from "../config/mod.ts";
import { ConfigError } from "../fusion_error.ts";

/**
 * Refuses words that are no `key=value`, of commands that take none. It comes
 * before all other checks: `fusion evalute model=x` wants no method.
 */
export function rejectPositional(words: readonly string[]): void {
  const { positional } = parseOverrides(words);
  if (positional.length === 0) return;
  throw new ConfigError(
    `command line: ${
      positional[0]
    } is neither a command nor key=value (\`fusion --help\` lists the commands)`,
  );
}
