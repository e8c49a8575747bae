import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TensorflowPaths } from "../../src/backend/mod.ts";
import { runCommand } from "./run_command.ts";

/** What is ours: lists of strings as attributes, and ConvNeXt's operations. */
export const sources: readonly string[] = [
  "string_lists.cc",
  "layer_norm.cc",
  "convnext_backbone.cc",
  "convnext_layer.cc",
  "convnext_patches.cc",
  "pack.cc",
  "symmetric_product.cc",
  "task_vectors.cc",
  "training_block.cc",
  "training_depthwise.cc",
  "training_patches.cc",
  "training_vectors.cc",
];

/** What they include. */
const headers: readonly string[] = [
  "depthwise_rows.h",
  "features.h",
  "for_each_processor.h",
  "layer.h",
  "layer_norm.h",
  "layer_rows.h",
  "patch_rows.h",
  "patches.h",
  "processor.h",
  "product.h",
  "product_rows.h",
  "symmetric_rows.h",
  "team.h",
  "thread_memory.h",
  "training_operation.h",
  "training_patch_rows.h",
  "training_products.h",
  "training_rows.h",
  "training_taps.h",
  "vector_math.h",
];

const pathOf = (name: string): string =>
  fileURLToPath(new URL(name, import.meta.url));

const sourcePaths = sources.map(pathOf);

/** Says how the addon is made, so that one made otherwise is made anew. */
export async function compileRecipe(): Promise<string> {
  const texts = await Promise.all(
    [...sourcePaths, ...headers.map(pathOf)].map((path) =>
      Deno.readTextFile(path)
    ),
  );
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode([...options, ...texts].join("\n")),
  );
  return new Uint8Array(digest).toHex();
}

const options: readonly string[] = [
  "-std=c++17",
  "-O3",
  "-w",
  "-shared",
  "-fPIC",
  "-DNAPI_VERSION=8",
  // As the wheel was compiled: its classes must have the same layout here.
  "-D_GLIBCXX_USE_CXX11_ABI=1",
  "-DEIGEN_MAX_ALIGN_BYTES=64",
  "-Wl,--wrap=TFE_OpSetAttrString",
  "-Wl,-rpath,$ORIGIN/wheels/tensorflow",
];

/**
 * Compiles tfjs-node's Node-API addon, and operations of ours, against the
 * wheel's headers and libraries, which it will find again by a path relative
 * to itself.
 */
export async function compileBinding(paths: TensorflowPaths): Promise<void> {
  if (existsSync(paths.binding)) return;
  const tfjsNode = join(paths.modules, "@tensorflow", "tfjs-node-gpu");
  const libraries = join(paths.wheels, "tensorflow");
  const partial = `${paths.binding}.partial`;
  await runCommand("g++", [
    ...options,
    `-I${join(libraries, "include")}`,
    `-I${join(paths.modules, "node-api-headers", "include")}`,
    `-I${tfjsNode}`,
    join(tfjsNode, "binding", "tfjs_backend.cc"),
    join(tfjsNode, "binding", "tfjs_binding.cc"),
    ...sourcePaths,
    `-L${libraries}`,
    "-l:libtensorflow_cc.so.2",
    "-l:libtensorflow_framework.so.2",
    `-o${partial}`,
  ]);
  await Deno.rename(partial, paths.binding);
}
