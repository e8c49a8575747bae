import type { StateDict } from "../../checkpoint/mod.ts";
import { WorkerThreads } from "../worker_threads.ts";
import type { ElementPasses } from "./element_passes.ts";
import type { BracketCounts, MagnitudeBracket } from "./magnitude_bracket.ts";
import type { ElementPlan } from "./plan.ts";
import type {
  ElementRange,
  ElementRequest,
  ElementSetup,
  ElementTask,
  ElementTasks,
} from "./protocol.ts";

/** Merges under way a thread: the next is there when one is done. */
const MERGES_A_THREAD = 2;

/** Threads that pass over the elements of checkpoints and merge them. */
export class ElementThreads implements ElementPasses {
  /** How many merges may be under way. */
  readonly parallel: number;
  readonly #sources: readonly StateDict[];
  readonly #workers: WorkerThreads;
  readonly #buffers: SharedArrayBuffer[] = [];

  /**
   * @param sources The models, then `_pretrained_` if there is one; all have a
   * `location`.
   * @param threads How many threads.
   */
  constructor(
    sources: readonly StateDict[],
    { hasPretrained, allowNonfinite }: Omit<ElementSetup, "locations">,
    threads: number,
  ) {
    this.parallel = threads * MERGES_A_THREAD;
    this.#sources = sources;
    const setup: ElementSetup = {
      locations: sources.map((source) => source.location!),
      hasPretrained,
      allowNonfinite,
    };
    this.#workers = new WorkerThreads(
      new URL("./element_worker.ts", import.meta.url),
      setup,
      threads,
    );
  }

  /** As {@linkcode ElementPasses.count}. */
  async count(
    ranges: readonly ElementRange[],
    brackets: readonly MagnitudeBracket[],
  ): Promise<BracketCounts[]> {
    const [first, ...others] = await this.#all(
      ranges,
      (part) => ["count", { ranges: part, brackets }],
    );
    for (const other of others) {
      for (const [t, { below, counts }] of other.entries()) {
        const sum = first![t]!;
        for (let bin = 0; bin < counts.length; bin++) {
          sum.counts[bin]! += counts[bin]!;
        }
        first![t] = { below: sum.below + below, counts: sum.counts };
      }
    }
    return first!;
  }

  /** As {@linkcode ElementPasses.signs}. */
  async signs(
    ranges: readonly ElementRange[],
    thresholds: readonly number[],
  ): Promise<number> {
    const parts = await this.#all(
      ranges,
      (part) => ["signs", { ranges: part, thresholds }],
    );
    return parts.reduce((sum, part) => sum + part, 0);
  }

  /**
   * Merges a range.
   *
   * @param consume Gets the values, which are gone afterwards.
   */
  async merge(
    range: ElementRange,
    plan: ElementPlan,
    consume: (values: Float32Array) => Promise<void>,
  ): Promise<void> {
    const length = range.end - range.begin;
    const buffer = this.#takeBuffer(length);
    await this.#ask(["merge", { range, plan, buffer }]);
    await consume(new Float32Array(buffer, 0, length));
    this.#buffers.push(buffer);
  }

  /**
   * Reads a range of every source.
   *
   * @returns The values, and what gives their memory back once they are used.
   * @throws {MethodError} If a source holds NaN or infinity.
   */
  async read(
    range: ElementRange,
  ): Promise<{ values: Float32Array[]; release(): void }> {
    const length = range.end - range.begin;
    const buffers = this.#sources.map(() => this.#takeBuffer(length));
    await this.#ask(["read", { range, buffers }]);
    return {
      values: buffers.map((buffer) => new Float32Array(buffer, 0, length)),
      release: () => this.#buffers.push(...buffers),
    };
  }

  /** Memory for so many elements: the smallest that is free and enough. */
  #takeBuffer(length: number): SharedArrayBuffer {
    let best = -1;
    for (const [i, { byteLength }] of this.#buffers.entries()) {
      if (byteLength < 4 * length) continue;
      if (best < 0 || byteLength < this.#buffers[best]!.byteLength) best = i;
    }
    if (best >= 0) return this.#buffers.splice(best, 1)[0]!;
    this.#buffers.length = 0; // too small for what comes now
    return new SharedArrayBuffer(4 * length);
  }

  /** Ends the threads. */
  close(): void {
    this.#workers.close();
  }

  /** Every thread does a task on its share of the ranges. */
  async #all<T extends ElementTask>(
    ranges: readonly ElementRange[],
    task: (part: readonly ElementRange[]) => ElementRequest<T>,
  ): Promise<ElementTasks[T]["answer"][]> {
    const { count } = this.#workers;
    return await Promise.all(
      Array.from(
        { length: count },
        (_, thread) =>
          this.#ask(
            task(ranges.filter((_, i) => i % count === thread)),
            thread,
          ),
      ),
    );
  }

  async #ask<T extends ElementTask>(
    request: ElementRequest<T>,
    thread?: number,
  ): Promise<ElementTasks[T]["answer"]> {
    return await this.#workers.ask(request, thread) as ElementTasks[T][
      "answer"
    ];
  }
}
