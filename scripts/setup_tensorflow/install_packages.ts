import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TensorflowPaths } from "../../src/backend/mod.ts";
import { npmPackages } from "./pins.ts";
import { runCommand } from "./run_command.ts";

/**
 * tfjs-node asks for these; what it gets is the TensorFlow.js that runs
 * already, put on this symbol by src/backend/tensorflow.ts. So there is one
 * engine, one copy of every class, and nothing to download.
 */
const sharedPackages = ["@tensorflow/tfjs", "@tensorflow/tfjs-core"];
const sharedSource =
  'module.exports = globalThis[Symbol.for("@convnext/fusion/tfjs")];\n';

/**
 * Fetches the npm packages with Deno, which runs no install scripts, and
 * copies those that are needed into the private folder.
 */
export async function installPackages(paths: TensorflowPaths): Promise<void> {
  if (existsSync(paths.modules)) return;
  const work = join(paths.folder, "npm");
  await Deno.mkdir(work, { recursive: true });
  const imports = Object.fromEntries(
    Object.entries(npmPackages).map((
      [name, version],
    ) => [name, `npm:${name}@${version}`]),
  );
  await Deno.writeTextFile(
    join(work, "deno.json"),
    JSON.stringify({ nodeModulesDir: "auto", imports }),
  );
  await runCommand(Deno.execPath(), ["install", "--quiet"], { cwd: work });
  const partial = `${paths.modules}.partial`;
  for (const name of Object.keys(npmPackages)) {
    const to = join(partial, name);
    await Deno.mkdir(dirname(to), { recursive: true });
    const from = await Deno.realPath(join(work, "node_modules", name));
    await cp(from, to, { recursive: true });
  }
  for (const name of sharedPackages) {
    await Deno.mkdir(join(partial, name), { recursive: true });
    await Deno.writeTextFile(join(partial, name, "index.js"), sharedSource);
  }
  await Deno.rename(partial, paths.modules);
  await Deno.remove(work, { recursive: true });
}
