import { join } from "@std/path";

/**
 * Installs the packages of `sources.json` from npm below a folder, with Deno
 * as npm's client.
 *
 * @returns Their `node_modules`.
 */
export async function installSources(folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(
    new URL("sources.json", import.meta.url),
    join(folder, "package.json"),
  );
  await Deno.writeTextFile(
    join(folder, "deno.json"),
    JSON.stringify({ nodeModulesDir: "manual" }),
  );
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet"],
    cwd: folder,
    stdin: "null",
  }).spawn().status;
  if (!success) throw new Error(`${folder}: deno install failed`);
  return join(folder, "node_modules");
}
