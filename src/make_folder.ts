import { dirname, resolve } from "@std/path";

/** A folder that was made for something. */
export interface MadeFolder {
  /**
   * Removes what was made, for something that came to nothing. What is not
   * empty, or was there before, stays.
   */
  takeBack(): void;
}

/**
 * Makes a folder, with those that it lies in.
 *
 * @throws The system's error; nothing has been made.
 */
export function makeFolder(path: string): MadeFolder {
  const missing: string[] = [];
  let place = resolve(path);
  while (!isThere(place) && dirname(place) !== place) {
    missing.push(place);
    place = dirname(place);
  }
  const made: MadeFolder = {
    takeBack(): void {
      try {
        for (const place of missing) Deno.removeSync(place);
      } catch {
        // Something is in it, and so in those above.
      }
    },
  };
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    made.takeBack();
    throw error;
  }
  return made;
}

/** What cannot be looked at counts as there: it is not taken back. */
function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
