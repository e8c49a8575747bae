/** How far all downloads together are. */
export interface DownloadProgress {
  /** Bytes that are here. */
  readonly done: number;
  /** Bytes of all files that are being downloaded, or have been. */
  readonly total: number;
  /** Whether nothing is left to do for now. */
  readonly finished: boolean;
}

/** Is told how far the downloads are. */
export type DownloadListener = (progress: DownloadProgress) => void;

let listener: DownloadListener | undefined;
let done = 0;
let total = 0;
let active = 0;

/**
 * Sets who is told how far the downloads are, in place of whoever was before.
 *
 * @example
 * ```ts
 * import { setDownloadListener } from "@convnext/fusion";
 *
 * setDownloadListener(({ done, total }) => console.error(`${done}/${total}`));
 * setDownloadListener(undefined); // nobody
 * ```
 */
export function setDownloadListener(
  newListener: DownloadListener | undefined,
): void {
  listener = newListener;
}

/** Counts a group of downloads, some of them already here. */
export async function counted<T>(
  bytes: number,
  download: (advance: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  active++;
  total += bytes;
  let own = 0;
  try {
    return await download((more) => {
      own += more;
      done += more;
      tell();
    });
  } finally {
    // What failed does not keep the others from reaching the end.
    done += bytes - own;
    if (--active === 0) {
      tell();
      done = total = 0;
    }
  }
}

function tell(): void {
  listener?.({ done, total, finished: active === 0 });
}
