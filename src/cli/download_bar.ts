import { setDownloadListener } from "../hub/mod.ts";
import { type ProgressBar, progressBar } from "../report/mod.ts";

/** Shows downloads from the hub on standard error, all of them as one bar. */
export function showDownloads(): void {
  let bar: ProgressBar | undefined;
  setDownloadListener(({ done, total, finished }) => {
    if (finished) {
      bar?.stop();
      bar = undefined;
      return;
    }
    bar ??= progressBar("Downloading");
    bar.update(done, total);
  });
}
