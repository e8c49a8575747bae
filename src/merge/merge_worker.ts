/**
 * A thread that merges chunks on a WebAssembly backend of its own. It opens
 * the checkpoints itself, so that nothing but results crosses threads.
 */
/// <reference lib="deno.worker" />
import { useBackend } from "../backend/mod.ts";
import { openCheckpoint, readInThisThread } from "../checkpoint/mod.ts";
import { FusionError } from "../fusion_error.ts";
import { type Executor, localExecutor } from "./executor.ts";
import type { MergeMethod } from "./method.ts";
import type {
  WorkerAnswer,
  WorkerRequest,
  WorkerSetup,
} from "./worker_protocol.ts";

let executor: Promise<Executor> | undefined;

async function start(setup: WorkerSetup): Promise<Executor> {
  readInThisThread();
  const [module, sources] = await Promise.all([
    import(setup.module) as Promise<
      { default: MergeMethod<Readonly<Record<string, unknown>>> }
    >,
    Promise.all(setup.paths.map((path) => openCheckpoint(path))),
    useBackend("wasm", { wasmThreads: 1 }),
  ]);
  const { name, parameters, facts, modelNames, allowNonfinite } = setup;
  return localExecutor({
    bound: { name, parameters, method: module.default },
    facts,
    modelNames,
    sources,
    allowNonfinite,
  }, setup.largest);
}

async function answer(id: number, run: Promise<Float32Array>): Promise<void> {
  try {
    const values = await run;
    postAnswer({ id, values }, [values.buffer as ArrayBuffer]);
  } catch (error) {
    postAnswer({
      id,
      error: (error as Error).message,
      isFusionError: error instanceof FusionError,
    });
  }
}

function postAnswer(answer: WorkerAnswer, transfer: ArrayBuffer[] = []): void {
  self.postMessage(answer, transfer);
}

let last: Promise<unknown> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if ("setup" in data) {
    executor = start(data.setup);
    executor.catch(() => {}); // told with the first chunk
    return;
  }
  // One after the other: a chunk's buffers are the next one's too.
  last = last.then(() =>
    answer(data.id, executor!.then((ready) => ready.run(data.chunk)))
  );
};
