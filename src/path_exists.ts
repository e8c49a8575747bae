/**
 * Whether there is a file or folder.
 *
 * @throws {Deno.errors.NotCapable} Of a path that may not be looked at, nobody
 * knows whether it is there.
 */
export async function pathExists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}
