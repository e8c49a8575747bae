import { FusionError } from "../fusion_error.ts";

/**
 * What went wrong at the hub:
 * - `repository`, `revision`, `file`: there is no such thing, or it is private;
 * - `gated`, `token`, `forbidden`: access is refused;
 * - `network`, `limit`, `server`: the hub cannot be reached or does not answer;
 * - `offline`: it is not in the cache, and the network may not be used;
 * - `response`, `hash`: what came is not what was asked for;
 * - `disk`: the cache cannot be written;
 * - `upload`: the folder is not fit to be pushed.
 */
export type HubErrorCode =
  | "repository"
  | "revision"
  | "file"
  | "gated"
  | "token"
  | "forbidden"
  | "network"
  | "limit"
  | "server"
  | "offline"
  | "response"
  | "hash"
  | "disk"
  | "upload";

/** A repository of the Hugging Face hub cannot be read or written. */
export class HubError extends FusionError {
  /** What went wrong. */
  readonly code: HubErrorCode;
  /** Status of the hub's answer, if there was one. */
  readonly status: number | undefined;

  /**
   * Says what went wrong.
   *
   * @param code What went wrong.
   * @param message One line: which repository, what happened, what to do.
   * @param options The error behind it, and the status of the hub's answer.
   */
  constructor(
    code: HubErrorCode,
    message: string,
    options: ErrorOptions & { status?: number } = {},
  ) {
    super(message, options);
    this.code = code;
    this.status = options.status;
  }
}
