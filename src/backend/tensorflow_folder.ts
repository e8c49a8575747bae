import { join } from "node:path";

/** Which build of TensorFlow's library: for CPUs, or for NVIDIA GPUs too. */
export type TensorflowBuild = "cpu" | "cuda";

/** Where the parts of one installed build are. */
export interface TensorflowPaths {
  /** The folder that holds everything of this build. */
  folder: string;
  /** What the Python wheels' files are unpacked into, laid out as there. */
  wheels: string;
  /** tfjs-node's JavaScript. */
  modules: string;
  /** The Node-API addon that `scripts/setup_tensorflow.ts` compiles. */
  binding: string;
}

/** An environment variable, or `undefined` where reading it is not allowed. */
function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch {
    return undefined;
  }
}

/**
 * The private folder that `deno task setup:tensorflow` installs TensorFlow's
 * library into and that the `tensorflow` and `cuda` backends load it from.
 *
 * @returns `$CONVNEXT_FUSION_TENSORFLOW`; without it `.tensorflow` of the
 * checkout, or a folder in the user's cache when the module was imported from
 * a registry.
 */
export function tensorflowFolder(): string {
  const chosen = variable("CONVNEXT_FUSION_TENSORFLOW");
  if (chosen !== undefined) return chosen;
  const here = new URL("../../.tensorflow", import.meta.url);
  if (here.protocol === "file:") return decodeURIComponent(here.pathname);
  const cache = variable("XDG_CACHE_HOME") ??
    join(variable("HOME") ?? ".", ".cache");
  return join(cache, "convnext-fusion", "tensorflow");
}

/**
 * The paths of one build inside {@linkcode tensorflowFolder}.
 *
 * @param build Which build of TensorFlow's library.
 */
export function tensorflowPaths(build: TensorflowBuild): TensorflowPaths {
  const folder = join(tensorflowFolder(), build);
  const modules = join(folder, "node_modules");
  return {
    folder,
    wheels: join(folder, "wheels"),
    modules,
    binding: join(folder, "tfjs_binding.node"),
  };
}
