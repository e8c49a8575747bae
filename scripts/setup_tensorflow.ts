/**
 * Installs TensorFlow's own library for the backends `tensorflow` and `cuda`:
 * `deno task setup:tensorflow [--cuda] [--remove]`. Everything goes into one
 * private folder; run it again after an interruption and it goes on.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type TensorflowBuild,
  tensorflowFolder,
  type TensorflowPaths,
  tensorflowPaths,
} from "../src/backend/mod.ts";
import {
  compileBinding,
  compileRecipe,
} from "./setup_tensorflow/compile_binding.ts";
import { installPackages } from "./setup_tensorflow/install_packages.ts";
import { installWheel } from "./setup_tensorflow/install_wheels.ts";
import { npmPackages, wheels } from "./setup_tensorflow/pins.ts";
import { checkRequirements } from "./setup_tensorflow/requirements.ts";
import { runCommand, SetupError } from "./setup_tensorflow/run_command.ts";

const usage = "usage: deno task setup:tensorflow [--cuda] [--remove]";

/** Runs one step and says how long it took. */
async function step(title: string, run: () => Promise<void>): Promise<void> {
  const start = performance.now();
  console.error(`${title} …`);
  await run();
  const seconds = (performance.now() - start) / 1000;
  console.error(`${title}: done in ${seconds.toFixed(1)} s`);
}

async function removeIfThere(path: string): Promise<void> {
  if (existsSync(path)) await Deno.remove(path, { recursive: true });
}

/** What an older version of this module installed does not fit this one. */
async function removeOutdated(
  build: TensorflowBuild,
  folder: string,
): Promise<void> {
  const pinned = JSON.stringify({ npmPackages, wheels: wheels[build] });
  const file = join(folder, "pinned.json");
  if (!existsSync(file) || await Deno.readTextFile(file) !== pinned) {
    await removeIfThere(folder);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(file, pinned);
  }
}

/** An addon that an older version compiled lacks what this one wants. */
async function removeOutdatedBinding(
  { folder, binding }: TensorflowPaths,
): Promise<() => Promise<void>> {
  const recipe = await compileRecipe();
  const file = join(folder, "recipe.txt");
  if (!existsSync(file) || await Deno.readTextFile(file) !== recipe) {
    await removeIfThere(binding);
  }
  return () => Deno.writeTextFile(file, recipe);
}

/** Runs a product in a process with no more rights than a user's. */
async function verify(
  build: TensorflowBuild,
  binding: string,
): Promise<string> {
  const backend = build === "cuda" && existsSync("/dev/nvidiactl")
    ? "cuda"
    : "tensorflow";
  const program = new URL("./setup_tensorflow/verify.ts", import.meta.url);
  try {
    const device = await runCommand(Deno.execPath(), [
      "run",
      "--quiet",
      "--allow-read",
      "--allow-env",
      "--allow-ffi",
      program.href,
      backend,
    ]);
    return `backend=${backend} works: ${device.trim()}`;
  } catch (error) {
    // Else the backends would take it for a working one.
    await removeIfThere(binding);
    throw error;
  }
}

async function install(build: TensorflowBuild): Promise<void> {
  const paths = tensorflowPaths(build);
  await removeOutdated(build, paths.folder);
  const remember = await removeOutdatedBinding(paths);
  if (!existsSync(paths.binding)) {
    const python = await checkRequirements(build, tensorflowFolder());
    await step("npm packages", () => installPackages(paths));
    for (const wheel of wheels[build]) {
      await step(
        `${wheel.name} ${wheel.version}`,
        () => installWheel(python, wheel, paths),
      );
    }
    await step("compile", () => compileBinding(paths));
    await remember();
  }
  console.error(await verify(build, paths.binding));
  await removeIfThere(join(paths.folder, "downloads"));
}

/** Removes what was installed and nothing else that the folder may hold. */
async function remove(builds: TensorflowBuild[]): Promise<void> {
  const folder = tensorflowFolder();
  for (const build of builds) {
    await removeIfThere(tensorflowPaths(build).folder);
  }
  if (builds.includes("cpu")) await removeIfThere(join(folder, "python"));
  if (existsSync(folder) && [...Deno.readDirSync(folder)].length === 0) {
    await Deno.remove(folder);
  }
  console.error(`removed TensorFlow's library (${builds}) from ${folder}`);
}

/** Takes the command line's arguments. @returns The exit status. */
async function main(args: string[]): Promise<number> {
  const unknown = args.find((arg) => !["--cuda", "--remove"].includes(arg));
  if (unknown !== undefined) {
    console.error(`setup:tensorflow: unknown argument ${unknown}\n${usage}`);
    return 2;
  }
  try {
    if (args.includes("--remove")) {
      await remove(args.includes("--cuda") ? ["cuda"] : ["cpu", "cuda"]);
    } else {
      await install(args.includes("--cuda") ? "cuda" : "cpu");
    }
    return 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup:tensorflow: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
