import { join } from "@std/path";

/** A file's text; undefined if it is not there, or not a file. */
export async function readTextIfThere(
  path: string,
): Promise<string | undefined> {
  return await isFile(path) ? await Deno.readTextFile(path) : undefined;
}

/** Copies a file, or a folder with its files, of a folder into another. */
export async function copyIfThere(
  from: string,
  to: string,
  name: string,
): Promise<void> {
  const source = join(from, name);
  if (await isFile(source)) return await Deno.copyFile(source, join(to, name));
  // A link to a folder is not followed: it may lead anywhere, or in a circle.
  if (!(await status(source, Deno.lstat))?.isDirectory) return;
  await Deno.mkdir(join(to, name));
  for await (const entry of Deno.readDir(source)) {
    await copyIfThere(source, join(to, name), entry.name);
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await status(path, Deno.stat))?.isFile ?? false;
}

async function status(
  path: string,
  ask: (path: string) => Promise<Deno.FileInfo>,
): Promise<Deno.FileInfo | undefined> {
  try {
    return await ask(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return undefined;
    throw error;
  }
}
