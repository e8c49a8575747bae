import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Emscripten makes this many workers whatever the number of threads. */
const POOL_SIZE = 8;

/** What runs in each thread: Emscripten's own script, in a worker of Node. */
function threadProgram(workerScript: string): string {
  // The script assigns to names that a worker of Deno has read-only.
  return `
for (const name of ["self", "location", "Worker", "importScripts",
    "postMessage", "performance", "onmessage", "Module", "require", "alert"]) {
  Object.defineProperty(globalThis, name,
    { value: globalThis[name], writable: true, configurable: true });
}
const path = ${JSON.stringify(workerScript)};
const source = require(path).wasmWorkerContents.replace(/\\n/g, "\\\\n");
new Function("require", "__filename", source)(require, path);`;
}

/** The message that makes a worker load TensorFlow.js' WebAssembly module. */
interface LoadMessage {
  cmd?: string;
  urlOrBlob?: unknown;
}

/** A path that is always there to resolve Node's own modules from. */
function anyRequire(): ReturnType<typeof createRequire> {
  return createRequire("file:///main.cjs");
}

/** Where the npm package has its binaries, once it is loaded. */
export function wasmFolder(): string | undefined {
  const script = Object.keys(anyRequire().cache).find((path) =>
    path.endsWith("tf-backend-wasm.node.js")
  );
  return script && join(dirname(dirname(script)), "wasm-out");
}

/**
 * Runs `start` in surroundings where the threaded build of TensorFlow.js'
 * WebAssembly backend works under Deno. That build starts its workers from a
 * `blob:` address, which Deno's `node:worker_threads` refuses; here they get
 * the same program from the npm package's files. It also takes half the cores
 * for hyperthreads, and would run one thread on two cores.
 *
 * @param threads How many threads compute, the calling one included.
 * @param start Starts the backend.
 */
export async function withWasmThreads<T>(
  threads: number,
  start: () => Promise<T>,
): Promise<T> {
  const folder = wasmFolder();
  if (folder === undefined) return await start();
  const name = join(folder, "tfjs-backend-wasm-threaded-simd");
  const require = anyRequire();
  const workerThreads = require("node:worker_threads");
  const os = require("node:os");
  const NodeWorker = workerThreads.Worker;
  const cpus = os.cpus;
  const webWorker = globalThis.Worker;
  let made = 0;

  class ThreadWorker extends NodeWorker {
    constructor() {
      super(threadProgram(`${name}.worker.js`), { eval: true });
    }
    postMessage(message: LoadMessage, transfer?: unknown): void {
      const sent = message.cmd === "load"
        ? { ...message, urlOrBlob: `${name}.js` }
        : message;
      super.postMessage(sent, transfer);
    }
  }

  /** Stands for the workers of the pool that will never compute. */
  class IdleWorker {
    onmessage?: (event: { data: unknown }) => void;
    on(): void {}
    unref(): void {}
    terminate(): void {}
    postMessage(message: LoadMessage): void {
      if (message.cmd !== "load") return;
      queueMicrotask(() => this.onmessage?.({ data: { cmd: "loaded" } }));
    }
  }

  // The pool is a stack: the workers made last are the ones taken.
  const running: ThreadWorker[] = [];
  workerThreads.Worker = function () {
    if (++made <= POOL_SIZE - (threads - 1)) return new IdleWorker();
    const worker = new ThreadWorker();
    running.push(worker);
    return worker;
  };
  os.cpus = () => new Array(2 * threads);
  try {
    return await start();
  } finally {
    // A thread that waits for work must not keep the process from ending.
    for (const worker of running) worker.unref();
    workerThreads.Worker = NodeWorker;
    os.cpus = cpus;
    // The backend's script overwrites the global with Node's.
    globalThis.Worker = webWorker;
  }
}
