import { dirname, join } from "@std/path";

/** Writes a file beside its place and renames it: nobody sees half of it. */
export async function writeFileWhole(
  path: string,
  text: string,
): Promise<void> {
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${crypto.randomUUID()}.partial`);
  try {
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
