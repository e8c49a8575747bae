/**
 * Local stand-in for `jsr:@std/yaml`, over `npm:yaml`, for networks that JSR
 * cannot be reached from. It has what this project calls: `parse` and
 * `stringify`, with the core schema of YAML 1.2 that `@std/yaml` has.
 */
import process from "node:process";
import * as yaml from "yaml";

/** Parses a YAML document; throws `SyntaxError` as `@std/yaml` does. */
export function parse(content: string): unknown {
  // npm:yaml looks there for what it is to log; `@std/yaml` asks for nothing.
  const { env } = process;
  process.env = {};
  try {
    return yaml.parse(content, {
      merge: true,
      uniqueKeys: true,
      logLevel: "error",
    });
  } catch (error) {
    throw new SyntaxError((error as Error).message, { cause: error });
  } finally {
    process.env = env;
  }
}

/** Serialises a value as a YAML document. */
export function stringify(
  data: unknown,
  options: { lineWidth?: number } = {},
): string {
  return yaml.stringify(data, {
    lineWidth: options.lineWidth ?? 80,
    indentSeq: true,
  });
}
