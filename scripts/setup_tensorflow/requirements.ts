import { dirname, join } from "node:path";
import { existsSync } from "node:fs";
import type { TensorflowBuild } from "../../src/backend/mod.ts";
import { diskSpace } from "./pins.ts";
import { runCommand, SetupError } from "./run_command.ts";

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Free bytes on the disk of a folder that need not be there yet. */
async function freeSpace(folder: string): Promise<number> {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  const table = await runCommand("df", ["-Pk", existing]);
  return Number(table.trim().split("\n").at(-1)?.split(/\s+/)[3]) * 1024;
}

/**
 * A Python that has pip: the system's, or that of a virtual environment made
 * in the private folder.
 */
async function findPython(folder: string): Promise<string> {
  const inside = join(folder, "python", "bin", "python");
  if (existsSync(inside)) return inside;
  try {
    await runCommand("python3", ["-m", "pip", "--version"]);
    return "python3";
  } catch {
    await runCommand("python3", ["-m", "venv", join(folder, "python")]);
    return inside;
  }
}

/**
 * Says what the set-up needs and checks that it is there, all of it, before
 * anything large is fetched.
 *
 * @param build Which build of TensorFlow's library.
 * @param folder Where it will be installed.
 * @returns The command of a Python that has pip.
 * @throws {SetupError} Which lists everything that is missing.
 */
export async function checkRequirements(
  build: TensorflowBuild,
  folder: string,
): Promise<string> {
  const { needed, kept } = diskSpace[build];
  console.error(
    `TensorFlow's library for ${build === "cuda" ? "NVIDIA GPUs" : "CPUs"}
  goes into   ${folder}
  needs       Linux on x86_64, python3 with pip or venv, g++, ${
      gigabytes(needed)
    } of free disk (${gigabytes(kept)} stay)
  fetches     npm packages with deno, wheels from PyPI with pip`,
  );
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new SetupError(
      `found ${Deno.build.os} on ${Deno.build.arch}, expected linux on x86_64; use backend=webgpu or backend=wasm here`,
    );
  }
  const missing: string[] = [];
  let python = "python3";
  try {
    await Deno.mkdir(folder, { recursive: true });
    python = await findPython(folder);
  } catch {
    missing.push(
      "python3 with pip or venv (Debian: apt install python3-pip; Fedora: dnf install python3-pip)",
    );
  }
  try {
    await runCommand("g++", ["--version"]);
  } catch {
    missing.push("g++ (Debian: apt install g++; Fedora: dnf install gcc-c++)");
  }
  const free = await freeSpace(folder);
  if (free < needed) {
    missing.push(
      `${gigabytes(needed)} of free disk at ${folder}, which has ${
        gigabytes(free)
      }; CONVNEXT_FUSION_TENSORFLOW=FOLDER installs elsewhere`,
    );
  }
  if (missing.length > 0) {
    throw new SetupError(`missing: ${missing.join("; ")}`);
  }
  return python;
}
