import { ConfigError } from "../fusion_error.ts";
import { hubCacheFolder } from "./cache_folder.ts";
import { findToken, type HubToken } from "./token.ts";
import { isSet, variable } from "./variable.ts";

/** How the Hugging Face hub is reached. Every default is `huggingface_hub`'s. */
export interface HubOptions {
  /** URL of the hub. Default: `HF_ENDPOINT`, else `https://huggingface.co`. */
  endpoint?: string | undefined;
  /**
   * Access token. Default: `HF_TOKEN`, else the file at `HF_TOKEN_PATH`, else
   * `HF_HOME/token`. An empty text: none.
   */
  token?: string | undefined;
  /** Folder of the Hugging Face cache. Default: {@linkcode hubCacheFolder}. */
  cacheFolder?: string | undefined;
  /** Uses the cache only. Default: `HF_HUB_OFFLINE`. */
  offline?: boolean | undefined;
  /** How often something is tried in vain before giving up. @default {5} */
  attempts?: number | undefined;
  /**
   * Milliseconds before the second attempt; each further one waits twice as
   * long, unless the hub says how long. @default {500}
   */
  retryDelay?: number | undefined;
  /**
   * Milliseconds without a byte after which a connection counts as lost.
   * Default: `HF_HUB_DOWNLOAD_TIMEOUT` (seconds), else 30 s.
   */
  stallTimeout?: number | undefined;
}

/** {@linkcode HubOptions} with everything filled in. */
export interface HubSettings {
  readonly endpoint: string;
  readonly token: HubToken | undefined;
  readonly cacheFolder: string;
  readonly offline: boolean;
  readonly attempts: number;
  readonly retryDelay: number;
  readonly stallTimeout: number;
}

const ENDPOINT = "https://huggingface.co";

/**
 * Fills in what the options leave open, from the environment.
 *
 * @throws {ConfigError} If a variable of the environment is not valid.
 */
export function hubSettings(options: HubOptions = {}): HubSettings {
  return {
    endpoint: readEndpoint(options.endpoint ?? variable("HF_ENDPOINT")),
    token: options.token === undefined
      ? findToken()
      : options.token === ""
      ? undefined
      : { value: options.token, source: "token" },
    cacheFolder: options.cacheFolder ?? hubCacheFolder(),
    offline: options.offline ??
      (isSet("HF_HUB_OFFLINE") || isSet("TRANSFORMERS_OFFLINE")),
    attempts: options.attempts ?? 5,
    retryDelay: options.retryDelay ?? 500,
    stallTimeout: options.stallTimeout ?? readTimeout(),
  };
}

function readEndpoint(text: string = ENDPOINT): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") {
    return text.replace(/\/+$/, "");
  }
  throw new ConfigError(
    `HF_ENDPOINT is ${
      JSON.stringify(text)
    }, expected a URL such as ${ENDPOINT}`,
  );
}

function readTimeout(): number {
  const text = variable("HF_HUB_DOWNLOAD_TIMEOUT");
  if (text === undefined) return 30_000;
  const seconds = Number(text);
  if (seconds > 0 && seconds < 1e6) return seconds * 1000;
  throw new ConfigError(
    `HF_HUB_DOWNLOAD_TIMEOUT is ${
      JSON.stringify(text)
    }, expected a number of seconds`,
  );
}
