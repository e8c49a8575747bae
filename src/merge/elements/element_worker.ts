/**
 * A thread that merges elements in loops of this project's own. It opens the
 * checkpoints itself, so that nothing but results crosses threads, and loads no
 * TensorFlow.js: it is there in the time that reading a few chunks takes.
 */
import {
  openLocation,
  readInThisThread,
  type StateDict,
} from "../../checkpoint/mod.ts";
import { type Answerer, answerRequests } from "../answer_requests.ts";
import { checkFinite, NONFINITE_HINT } from "../check_finite.ts";
import { MagnitudeCounts } from "./count_magnitudes.ts";
import { ElementMemory } from "./element_memory.ts";
import { BINS } from "./magnitude_bracket.ts";
import type {
  ElementRange,
  ElementRequest,
  ElementSetup,
  ElementTask,
  ElementTasks,
} from "./protocol.ts";
import {
  type Rows,
  runPlan,
  SCRATCH_ROWS,
  subtractPretrained,
  trimmedTotal,
} from "./run_plan.ts";

/** Elements of all sources that the processor's cache holds. */
const BLOCK = 1 << 15;

/** Reads ranges of the sources into memory, and works on them there. */
class ElementThread {
  readonly #sources: readonly StateDict[];
  readonly #models: number;
  readonly #setup: ElementSetup;
  readonly #memory: ElementMemory;

  constructor(setup: ElementSetup, sources: readonly StateDict[]) {
    this.#setup = setup;
    this.#sources = sources;
    this.#models = sources.length - Number(setup.hasPretrained);
    this.#memory = new ElementMemory(
      this.#models + 1 + SCRATCH_ROWS,
      BLOCK,
      this.#models * BINS,
    );
  }

  async count(
    { ranges, brackets }: ElementTasks["count"]["request"],
  ): Promise<ElementTasks["count"]["answer"]> {
    const counts = new MagnitudeCounts(this.#memory, brackets);
    for await (const { rows } of this.#blocks(ranges)) {
      subtractPretrained(this.#memory, rows);
      for (let row = 0; row < rows.models; row++) {
        counts.add(row, row, rows.length);
      }
    }
    return counts.results();
  }

  async signs(
    { ranges, thresholds }: ElementTasks["signs"]["request"],
  ): Promise<number> {
    let signs = 0;
    for await (const { rows, name, begin } of this.#blocks(ranges)) {
      subtractPretrained(this.#memory, rows);
      const total = trimmedTotal(this.#memory, thresholds, rows);
      // What is NaN or infinite is never trimmed: the sum is no number either.
      await this.#checkFinite(total, rows.length, { name, begin });
      signs += this.#memory.program.sumOfSigns(
        this.#memory.address(total),
        this.#memory.end(total, rows.length),
      );
    }
    return signs;
  }

  async merge(
    { range, plan, buffer }: ElementTasks["merge"]["request"],
  ): Promise<undefined> {
    const merged = new Float32Array(buffer, 0, range.end - range.begin);
    for await (const { rows, begin } of this.#blocks([range])) {
      const row = runPlan(this.#memory, plan, rows);
      await this.#checkFinite(row, rows.length, { name: range.name, begin });
      merged.set(
        this.#memory.values(row, rows.length),
        begin - range.begin,
      );
    }
  }

  async read(
    { range, buffers }: ElementTasks["read"]["request"],
  ): Promise<undefined> {
    const { name, begin, end } = range;
    for (const [i, source] of this.#sources.entries()) {
      const values = new Float32Array(buffers[i]!, 0, end - begin);
      await source.readInto!(name, begin, end, values);
      if (this.#setup.allowNonfinite) continue;
      checkFinite(
        values,
        { source: source.source, tensor: name, begin },
        NONFINITE_HINT,
      );
    }
  }

  /** Reads blocks of ranges, of all sources. */
  async *#blocks(
    ranges: readonly ElementRange[],
  ): AsyncGenerator<{ rows: Rows; name: string; begin: number }> {
    const models = this.#models;
    for (const { name, begin: first, end } of ranges) {
      for (let begin = first; begin < end; begin += BLOCK) {
        const length = Math.min(BLOCK, end - begin);
        for (const [row, source] of this.#sources.entries()) {
          await source.readInto!(
            name,
            begin,
            begin + length,
            this.#memory.values(row, length),
          );
        }
        yield { rows: { models, length }, name, begin };
      }
    }
  }

  /** Looks for the source that holds NaN or infinity, if a result does. */
  async #checkFinite(
    row: number,
    length: number,
    { name, begin }: { name: string; begin: number },
  ): Promise<void> {
    if (this.#setup.allowNonfinite) return;
    const address = this.#memory.address(row);
    const end = this.#memory.end(row, length);
    if (this.#memory.program.timesZero(address, end) === 0) return;
    for (const source of this.#sources) {
      const values = await source.read(name, begin, begin + length);
      checkFinite(
        values,
        { source: source.source, tensor: name, begin },
        NONFINITE_HINT,
      );
    }
  }
}

async function start(setup: ElementSetup): Promise<Answerer<ElementRequest>> {
  readInThisThread();
  const thread = new ElementThread(
    setup,
    await Promise.all(setup.locations.map(openLocation)),
  );
  // Tasks share the memory: one after the other.
  let last: Promise<unknown> = Promise.resolve();
  return async ([task, request]) => {
    const does = thread[task] as (
      this: ElementThread,
      request: ElementTasks[ElementTask]["request"],
    ) => Promise<ElementTasks[ElementTask]["answer"]>;
    const answering = last.then(() => does.call(thread, request));
    last = answering.catch(() => {}); // its own asker is told
    return { answer: await answering };
  };
}

answerRequests(start);
