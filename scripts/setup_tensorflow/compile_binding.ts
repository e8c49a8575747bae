import { existsSync } from "node:fs";
import { basename, join } from "node:path";
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
    new TextEncoder().encode([...options, ...linkOptions, ...texts].join("\n")),
  );
  return new Uint8Array(digest).toHex();
}

const options: readonly string[] = [
  "-std=c++17",
  "-O3",
  "-w",
  "-fPIC",
  "-DNAPI_VERSION=8",
  // As the wheel was compiled: its classes must have the same layout here.
  "-D_GLIBCXX_USE_CXX11_ABI=1",
  "-DEIGEN_MAX_ALIGN_BYTES=64",
];

const linkOptions: readonly string[] = [
  "-shared",
  "-Wl,--wrap=TFE_OpSetAttrString",
  "-Wl,-rpath,$ORIGIN/wheels/tensorflow",
];

/** Compilers that run at once: each takes up to 1 GB. */
const COMPILERS = Math.min(navigator.hardwareConcurrency, 4);

/**
 * Compiles tfjs-node's Node-API addon, and operations of ours, against the
 * wheel's headers and libraries, which it will find again by a path relative
 * to itself.
 */
export async function compileBinding(paths: TensorflowPaths): Promise<void> {
  if (existsSync(paths.binding)) return;
  const objects = join(paths.folder, "objects");
  await Deno.mkdir(objects, { recursive: true });
  const compiled = await compileAll(paths, objects);
  const partial = `${paths.binding}.partial`;
  await runCommand("g++", [
    ...linkOptions,
    ...compiled,
    `-L${join(paths.wheels, "tensorflow")}`,
    "-l:libtensorflow_cc.so.2",
    "-l:libtensorflow_framework.so.2",
    `-o${partial}`,
  ]);
  await Deno.rename(partial, paths.binding);
  await Deno.remove(objects, { recursive: true });
}

/** Compiles every source, some at a time; their objects' paths. */
async function compileAll(
  paths: TensorflowPaths,
  objects: string,
): Promise<string[]> {
  const tfjsNode = join(paths.modules, "@tensorflow", "tfjs-node-gpu");
  const includes = [
    join(paths.wheels, "tensorflow", "include"),
    join(paths.modules, "node-api-headers", "include"),
    tfjsNode,
  ].map((folder) => `-I${folder}`);
  const left = [
    join(tfjsNode, "binding", "tfjs_backend.cc"),
    join(tfjsNode, "binding", "tfjs_binding.cc"),
    ...sourcePaths,
  ];
  const compiled: string[] = [];
  const compileNext = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      const object = join(objects, `${basename(path)}.o`);
      compiled.push(object);
      await runCommand("g++", [
        ...options,
        ...includes,
        "-c",
        path,
        `-o${object}`,
      ]);
    }
  };
  await Promise.all(Array.from({ length: COMPILERS }, compileNext));
  return compiled;
}
