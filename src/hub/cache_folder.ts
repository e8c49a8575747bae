import { join } from "@std/path";
import { variable } from "./variable.ts";

/**
 * Where Hugging Face's tools keep their things on this machine: `HF_HOME`,
 * else `XDG_CACHE_HOME/huggingface`, else `~/.cache/huggingface`.
 */
export function huggingFaceHome(): string {
  const home = variable("HF_HOME");
  if (home !== undefined) return expandHome(home);
  const caches = variable("XDG_CACHE_HOME") ?? join(homeFolder(), ".cache");
  return join(expandHome(caches), "huggingface");
}

/**
 * The Hugging Face cache on this machine, as `huggingface_hub` finds it:
 * `HF_HUB_CACHE`, else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`,
 * else `~/.cache/huggingface/hub`.
 *
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export function hubCacheFolder(): string {
  const cache = variable("HF_HUB_CACHE") ?? variable("HUGGINGFACE_HUB_CACHE");
  return cache !== undefined
    ? expandHome(cache)
    : join(huggingFaceHome(), "hub");
}

/** A path with `~` in front spelt out. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/")
    ? join(homeFolder(), path.slice(1))
    : path;
}

function homeFolder(): string {
  return variable("HOME") ?? variable("USERPROFILE") ?? ".";
}
