import { dataPath } from "./reference.ts";

/** Runs a test in a folder of its own, removed afterwards. */
export async function inTemporaryFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names in a folder, sorted. */
export function listNames(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

/** Copies a folder with all below it. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The demo pool's models by name, as paths. */
export const DEMO_MODELS: Readonly<Record<string, string>> = Object.fromEntries(
  ["_pretrained_", "emoji", "fashion_mnist", "mnist", "optdigits"].map(
    (
      name,
    ) => [
      name,
      dataPath(
        `tests/data/demo_pool/${name.replaceAll("_pretrained_", "pretrained")}`,
      ),
    ],
  ),
);
