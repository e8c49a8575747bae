import { join } from "@std/path";

/**
 * The Hugging Face cache on this machine, as `huggingface_hub` finds it:
 * `HF_HUB_CACHE`, else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`,
 * else `~/.cache/huggingface/hub`.
 *
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export function hubCacheFolder(): string {
  const home = variable("HOME") ?? variable("USERPROFILE") ?? ".";
  const expand = (path: string): string =>
    path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path;
  const cache = variable("HF_HUB_CACHE") ?? variable("HUGGINGFACE_HUB_CACHE");
  if (cache !== undefined) return expand(cache);
  const huggingFace = variable("HF_HOME");
  if (huggingFace !== undefined) return join(expand(huggingFace), "hub");
  const caches = variable("XDG_CACHE_HOME") ?? join(home, ".cache");
  return join(expand(caches), "huggingface", "hub");
}

/** Empty counts as not set. */
function variable(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}
