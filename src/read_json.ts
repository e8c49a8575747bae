import type { FusionError } from "./fusion_error.ts";
import { reasonOf } from "./reason.ts";

/** Largest file that is read, in bytes; a config of a million labels takes less. */
const LARGEST = 1 << 26;
/** Deepest nesting; what writes it again recurs. */
const DEEPEST = 100;

/**
 * Reads a JSON file that nobody vouches for.
 *
 * @param Failure What is thrown if the file cannot be read, is no JSON, or is
 * larger or nested deeper than any config.
 * @returns What it holds, and its text; undefined if it is not there.
 */
export async function readJson(
  path: string,
  Failure: new (message: string, options?: ErrorOptions) => FusionError,
): Promise<{ json: unknown; text: string } | undefined> {
  let text: string;
  try {
    const { isFile, size } = await Deno.stat(path);
    // A pipe would be waited for.
    if (!isFile) throw new Failure(`${path} is no file, expected JSON`);
    if (size > LARGEST) {
      throw new Failure(
        `${path} has ${size} bytes, expected JSON of at most ${LARGEST}`,
      );
    }
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return undefined;
    throw new Failure(`cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  if (depthOf(text) > DEEPEST) {
    throw new Failure(
      `${path}: nested more than ${DEEPEST} deep, expected the JSON of a config`,
    );
  }
  try {
    return { json: JSON.parse(text), text };
  } catch (error) {
    throw new Failure(`${path}: not JSON: ${(error as Error).message}`);
  }
}

/** How deep a JSON text's brackets nest. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString && character === "\\") i++;
    else if (character === '"') inString = !inString;
    else if (inString) continue;
    else if (character === "[" || character === "{") {
      deepest = Math.max(deepest, ++depth);
    } else if (character === "]" || character === "}") depth--;
  }
  return deepest;
}
