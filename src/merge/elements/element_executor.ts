import { type ChunkContext, numberOf } from "../chunk.ts";
import type { Executor } from "../executor.ts";
import type { ElementThreads } from "./element_threads.ts";

/** Runs a method's plan in threads; whoever made them closes them. */
export function elementExecutor(
  { bound: { method, parameters }, facts, modelNames }: ChunkContext,
  threads: ElementThreads,
): Executor {
  return {
    parallel: threads.parallel,
    async run(chunk, consume) {
      const plan = method.plan!(
        { name: chunk.name, modelNames, number: numberOf(chunk) },
        parameters,
        facts,
      );
      await threads.merge(chunk, plan, consume);
    },
    close: () => {},
  };
}
