import { MethodError } from "../fusion_error.ts";
import type { WorkerAnswer, WorkerMessage } from "./worker_protocol.ts";

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Threads of one kind that answer requests; see `answerRequests`. */
export class WorkerThreads {
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;

  /**
   * @param module What the threads run.
   * @param setup What each is told first.
   * @param count How many.
   */
  constructor(module: URL, setup: unknown, count: number) {
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(module.href, { type: "module" });
      const message: WorkerMessage = { setup };
      worker.postMessage(message);
      worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) =>
        this.#take(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#fail(new Error(`a merge thread failed: ${event.message}`));
      };
      return worker;
    });
  }

  /** How many threads. */
  get count(): number {
    return this.#workers.length;
  }

  /**
   * Asks a thread.
   *
   * @param thread Default: each in its turn.
   * @throws {MethodError} What the thread threw, if it is an error of ours.
   */
  async ask(
    request: unknown,
    thread: number = this.#count % this.count,
  ): Promise<unknown> {
    const id = this.#count++;
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const message: WorkerMessage = { id, request };
      this.#workers[thread]!.postMessage(message);
    });
  }

  /** Ends the threads. */
  close(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#fail(new Error("the merge was ended"));
  }

  #take(data: WorkerAnswer): void {
    const waiting = this.#waiting.get(data.id);
    this.#waiting.delete(data.id);
    if ("answer" in data) waiting?.resolve(data.answer);
    else {
      waiting?.reject(
        data.isFusionError
          ? new MethodError(data.error)
          : new Error(data.error),
      );
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
