import { createRequire } from "node:module";
import { BackendError } from "../../fusion_error.ts";
import { blockChunk, type BlockJob } from "./block_chunk.ts";
import type { WasmProgram } from "./program.ts";

/** Where the shared counters are. Chunks are counted over all jobs. */
const AT = { next: 0, end: 1, done: 2, failed: 3 } as const;

const NUMBERS = [
  "input",
  "output",
  "convolution",
  "convolutionBias",
  "normWeight",
  "normBias",
  "spread",
  "spreadBias",
  "gather",
  "gatherBias",
  "scratch",
  "scratchSize",
  "height",
  "width",
  "channels",
  "hidden",
  "chunks",
  "epsilon",
  "gelu",
] as const satisfies readonly (keyof BlockJob)[];

/** What every thread of a team has. */
interface Shared {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  counters: Int32Array;
  at: typeof AT;
  /** The number of the job's first chunk, then the job's numbers. */
  job: Float64Array;
  names: readonly string[];
}

/**
 * Takes chunks until there are none. Threads get this function's source: it may
 * use nothing from outside.
 */
function takeChunks(
  { counters, at, job, names }: Shared,
  program: WasmProgram,
  compute: typeof blockChunk,
  thread: number,
): void {
  while (true) {
    const chunk = Atomics.load(counters, at.next);
    if (chunk === Atomics.load(counters, at.end)) return;
    const [first, ...numbers] = job;
    // Whoever has the number has a whole job: it stays until all are done.
    if (
      Atomics.compareExchange(counters, at.next, chunk, chunk + 1 | 0) !== chunk
    ) continue;
    try {
      compute(
        program,
        Object.fromEntries(
          names.map((name, i) => [name, numbers[i]]),
        ) as unknown as BlockJob,
        chunk - first! | 0,
        thread,
      );
    } catch {
      Atomics.store(counters, at.failed, 1);
    }
    Atomics.add(counters, at.done, 1);
    Atomics.notify(counters, at.done);
  }
}

/** A thread's life; it gets this function's source, too. */
function serve(
  shared: Shared,
  thread: number,
  take: typeof takeChunks,
  compute: typeof blockChunk,
): void {
  const program = new WebAssembly.Instance(shared.module, {
    tfjs: { memory: shared.memory },
  }).exports as unknown as WasmProgram;
  while (true) {
    const seen = Atomics.load(shared.counters, shared.at.end);
    take(shared, program, compute, thread);
    // Jobs follow each other closely: sleeping and waking takes longer.
    for (let i = 0; i < 3000; i++) {
      if (Atomics.load(shared.counters, shared.at.end) !== seen) break;
    }
    Atomics.wait(shared.counters, shared.at.end, seen);
  }
}

/**
 * Threads that compute blocks on the memory of TensorFlow.js' backend. A thread
 * that has not started yet takes no chunk, and nobody waits for it.
 */
export class Team {
  readonly #shared: Shared;
  readonly #program: WasmProgram;
  /** How many threads, the calling one included. */
  readonly threads: number;

  /**
   * @param module The program of `wasmProgram`.
   * @param memory The backend's.
   * @param program That module on that memory, for the calling thread.
   * @param threads More than one takes a shared memory.
   */
  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    program: WasmProgram,
    threads: number,
  ) {
    this.threads = threads;
    this.#shared = {
      module,
      memory,
      counters: new Int32Array(
        new SharedArrayBuffer(4 * Object.keys(AT).length),
      ),
      job: new Float64Array(new SharedArrayBuffer(8 * (1 + NUMBERS.length))),
      at: AT,
      names: NUMBERS,
    };
    this.#program = program;
    if (threads === 1) return;
    const { Worker } = createRequire("file:///main.cjs")("node:worker_threads");
    for (let thread = 1; thread < threads; thread++) {
      const worker = new Worker(
        `(${serve})(require("node:worker_threads").workerData, ${thread}, ${takeChunks}, ${blockChunk})`,
        { eval: true, workerData: this.#shared },
      );
      // A thread that waits for work must not keep the process from ending.
      worker.unref();
    }
  }

  /**
   * Computes a job.
   *
   * @param chunks How many there are, over all images.
   */
  run(job: BlockJob, chunks: number): void {
    const { counters } = this.#shared;
    const first = Atomics.load(counters, AT.end);
    const end = first + chunks | 0;
    this.#shared.job.set([first, ...NUMBERS.map((name) => job[name])]);
    Atomics.store(counters, AT.end, end);
    Atomics.notify(counters, AT.end);
    takeChunks(this.#shared, this.#program, blockChunk, 0);
    for (let done; (done = Atomics.load(counters, AT.done)) !== end;) {
      Atomics.wait(counters, AT.done, done);
    }
    if (Atomics.load(counters, AT.failed) !== 0) {
      throw new BackendError(
        "backend=wasm: a thread failed to compute a block",
      );
    }
  }
}
