import { join } from "@std/path";
import { ConfigError } from "../fusion_error.ts";
import { expandHome, huggingFaceHome } from "./cache_folder.ts";
import { isSet, variable } from "./variable.ts";

/** An access token, and where it was found, for messages. */
export interface HubToken {
  readonly value: string;
  readonly source: string;
}

/**
 * The access token that `huggingface_hub` would take: `HF_TOKEN`, else
 * `HUGGING_FACE_HUB_TOKEN`, else the file that `hf auth login` writes. None if
 * `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set.
 *
 * @throws {ConfigError} If it cannot be sent in a header. The message does not
 * tell it.
 */
export function findToken(): HubToken | undefined {
  if (isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return undefined;
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const token = clean(variable(name), name);
    if (token) return token;
  }
  const path = variable("HF_TOKEN_PATH");
  const file = path === undefined
    ? join(huggingFaceHome(), "token")
    : expandHome(path);
  return clean(readIfThere(file), file);
}

function clean(text: string | undefined, source: string): HubToken | undefined {
  const value = text?.trim();
  if (!value) return undefined;
  if (/^[\x21-\x7e]+$/.test(value)) return { value, source };
  throw new ConfigError(
    `${source} holds no access token, expected one line such as hf_…`,
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // A token that may not be read is as good as none: public models load.
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable ||
      error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.IsADirectory
    ) return undefined;
    throw error;
  }
}
