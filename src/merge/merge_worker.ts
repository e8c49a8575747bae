/**
 * A thread that merges chunks on a WebAssembly backend of its own. It opens
 * the checkpoints itself, so that nothing but results crosses threads.
 */
import { useBackend } from "../backend/mod.ts";
import { openLocation, readInThisThread } from "../checkpoint/mod.ts";
import { type Answerer, answerRequests } from "./answer_requests.ts";
import type { Chunk } from "./chunk.ts";
import { localExecutor } from "./executor.ts";
import type { MergeMethod } from "./method.ts";
import type { MergeSetup } from "./worker_protocol.ts";

async function start(setup: MergeSetup): Promise<Answerer<Chunk>> {
  readInThisThread();
  const [module, sources] = await Promise.all([
    import(setup.module) as Promise<
      { default: MergeMethod<Readonly<Record<string, unknown>>> }
    >,
    Promise.all(setup.locations.map(openLocation)),
    useBackend("wasm", { wasmThreads: 1 }),
  ]);
  const { name, parameters, facts, modelNames, allowNonfinite } = setup;
  const executor = localExecutor({
    bound: { name, parameters, method: module.default },
    facts,
    modelNames,
    sources,
    allowNonfinite,
  });
  return async (chunk) => {
    let merged = new Float32Array();
    await executor.run(chunk, (values) => {
      merged = values.slice();
      return Promise.resolve();
    });
    return { answer: merged, transfer: [merged.buffer] };
  };
}

answerRequests(start);
