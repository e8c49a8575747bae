import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TensorflowPaths } from "../../src/backend/mod.ts";
import type { Wheel } from "./pins.ts";
import { runCommand, SetupError } from "./run_command.ts";

/**
 * A wheel is a zip: of TensorFlow's only the two libraries and the headers are
 * taken, of NVIDIA's everything that is not Python.
 */
const unpack = `
import sys, zipfile
wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.endswith((".py", ".pyc", "/")):
            continue
        if name.startswith(("nvidia/", "tensorflow/include/",
                            "tensorflow/libtensorflow_cc.so",
                            "tensorflow/libtensorflow_framework.so")):
            path = archive.extract(name, folder)
            if "/bin/" in name:
                import os; os.chmod(path, 0o755)
`;

/** pip chooses by these, not by the Python that happens to run it. */
const target = [
  "--python-version=3.11",
  "--implementation=cp",
  "--abi=cp311",
  "--platform=manylinux_2_17_x86_64",
  "--platform=manylinux2014_x86_64",
];

/**
 * Fetches a wheel with pip, which checks its SHA-256, and unpacks what is
 * needed. A wheel that is done leaves a mark, and is removed itself.
 */
export async function installWheel(
  python: string,
  wheel: Wheel,
  paths: TensorflowPaths,
): Promise<void> {
  const done = join(paths.wheels, `${wheel.name}-${wheel.version}.done`);
  if (existsSync(done)) return;
  const downloads = join(paths.folder, "downloads");
  await Deno.mkdir(paths.wheels, { recursive: true });
  await Deno.mkdir(downloads, { recursive: true });
  const wanted = join(downloads, `${wheel.name}.txt`);
  await Deno.writeTextFile(
    wanted,
    `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`,
  );
  await runCommand(python, [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--no-cache-dir",
    "--only-binary=:all:",
    "--require-hashes",
    `--dest=${downloads}`,
    ...target,
    `--requirement=${wanted}`,
  ]);
  const prefix = `${wheel.name.replaceAll("-", "_")}-${wheel.version}-`;
  const file = [...Deno.readDirSync(downloads)].find(({ name }) =>
    name.startsWith(prefix) && name.endsWith(".whl")
  );
  if (file === undefined) {
    throw new SetupError(`pip left no ${prefix}*.whl in ${downloads}`);
  }
  const path = join(downloads, file.name);
  await runCommand(python, ["-c", unpack, path, paths.wheels]);
  await Deno.writeTextFile(done, "");
  await Deno.remove(path);
}
