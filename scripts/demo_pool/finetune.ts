import { dirname, fromFileUrl } from "@std/path";
import { isFolder } from "./is_folder.ts";

const MAIN = fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url));

/** What `fusion finetune` is told, besides `class_names`. */
export interface Recipe {
  model: string;
  train: string;
  val?: string;
  output: string;
  [key: string]: string | number;
}

/**
 * Runs `fusion finetune`, unless its result is there. Killed, it goes on where
 * it was.
 */
export async function finetune(
  classNames: readonly string[],
  recipe: Recipe,
): Promise<void> {
  if (await isFolder(recipe.output)) return;
  const config = `${recipe.output}.yaml`;
  await Deno.mkdir(dirname(config), { recursive: true });
  await Deno.writeTextFile(config, JSON.stringify({ class_names: classNames }));
  const words = Object.entries(recipe).map(([key, value]) => `${key}=${value}`);
  console.error(`fusion finetune ${words.join(" ")}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", MAIN, "finetune", `config=${config}`]
      .concat(words),
    stdin: "null",
  }).spawn().status;
  if (!success) throw new Error(`${recipe.output}: fusion finetune failed`);
}
