import { ConfigError } from "../fusion_error.ts";

/** Refuses words that are no `key=value`, of commands that take none. */
export function rejectPositional(positional: readonly string[]): void {
  if (positional.length === 0) return;
  throw new ConfigError(
    `command line: ${
      positional[0]
    } is neither a command nor key=value (\`fusion --help\` lists the commands)`,
  );
}
