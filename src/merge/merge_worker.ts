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
  ChunkRequest,
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
  });
}

async function answer({ id, chunk }: ChunkRequest): Promise<void> {
  try {
    const { run } = await executor!;
    await run(chunk, (values) => {
      const copy = values.slice();
      postAnswer({ id, values: copy }, [copy.buffer]);
      return Promise.resolve();
    });
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

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if ("setup" in data) {
    executor = start(data.setup);
    executor.catch(() => {}); // told with the first chunk
  } else {
    answer(data);
  }
};
