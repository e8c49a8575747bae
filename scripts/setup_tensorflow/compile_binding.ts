import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TensorflowPaths } from "../../src/backend/mod.ts";
import { runCommand } from "./run_command.ts";

/**
 * Compiles tfjs-node's Node-API addon against the wheel's headers and
 * libraries, which it will find again by a path relative to itself.
 */
export async function compileBinding(paths: TensorflowPaths): Promise<void> {
  if (existsSync(paths.binding)) return;
  const tfjsNode = join(paths.modules, "@tensorflow", "tfjs-node-gpu");
  const libraries = join(paths.wheels, "tensorflow");
  const partial = `${paths.binding}.partial`;
  await runCommand("g++", [
    "-std=c++17",
    "-O2",
    "-shared",
    "-fPIC",
    "-DNAPI_VERSION=8",
    `-I${join(libraries, "include")}`,
    `-I${join(paths.modules, "node-api-headers", "include")}`,
    `-I${tfjsNode}`,
    join(tfjsNode, "binding", "tfjs_backend.cc"),
    join(tfjsNode, "binding", "tfjs_binding.cc"),
    `-L${libraries}`,
    "-l:libtensorflow_cc.so.2",
    "-l:libtensorflow_framework.so.2",
    "-Wl,-rpath,$ORIGIN/wheels/tensorflow",
    `-o${partial}`,
  ]);
  await Deno.rename(partial, paths.binding);
}
