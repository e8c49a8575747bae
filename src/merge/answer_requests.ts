/// <reference lib="deno.worker" />
import { FusionError } from "../fusion_error.ts";
import type { WorkerAnswer, WorkerMessage } from "./worker_protocol.ts";

/** Gives the answer, and what of it need not be copied. */
export type Answerer<Request> = (
  request: Request,
) => Promise<{ answer: unknown; transfer?: ArrayBuffer[] }>;

/**
 * Makes this thread one of `WorkerThreads`.
 *
 * @param start Called once; its error is told with each request.
 */
export function answerRequests<Setup, Request>(
  start: (setup: Setup) => Promise<Answerer<Request>>,
): void {
  let answerer: Promise<Answerer<Request>> | undefined;
  const post = (answer: WorkerAnswer, transfer: ArrayBuffer[] = []): void =>
    self.postMessage(answer, transfer);
  self.onmessage = async ({ data }: MessageEvent<WorkerMessage>) => {
    if ("setup" in data) {
      answerer = start(data.setup as Setup);
      answerer.catch(() => {}); // told with the first request
      return;
    }
    const { id, request } = data;
    try {
      const found = await (await answerer!)(request as Request);
      post({ id, answer: found.answer }, found.transfer);
    } catch (error) {
      post({
        id,
        error: (error as Error).message,
        isFusionError: error instanceof FusionError,
      });
    }
  };
}
