/**
 * `deno task test:gpu`: goldens, merges and a training step on a GPU, with its
 * name, the versions and timings. Where there is no GPU it says so, and passes
 * nothing.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type BackendName, useBackend } from "../../src/backend/mod.ts";
import { FusionError } from "../../src/fusion_error.ts";
import { TimedProcess } from "../../bench/timed_process.ts";
import { trainingStep } from "./training_step.ts";

const root = new URL("../../", import.meta.url);

/** The first of cuda and webgpu that is a GPU, not one in software. */
async function findGpu(): Promise<
  { name: BackendName; device: string } | undefined
> {
  for (const name of ["cuda", "webgpu"] as const) {
    try {
      if (name === "webgpu") {
        const { gpu } = navigator as Navigator & { gpu?: GPU };
        const adapter = await gpu?.requestAdapter();
        if (adapter?.info.isFallbackAdapter) {
          console.log(
            `webgpu: ${adapter.info.description} is a GPU in software`,
          );
          continue;
        }
      }
      return await useBackend(name);
    } catch (error) {
      if (!(error instanceof FusionError)) throw error;
      console.log(error.message);
    }
  }
  return undefined;
}

/** Runs tests on a backend in a process of their own. */
async function runTests(backend: string, paths: string[]): Promise<boolean> {
  const begin = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--quiet", "-A", ...paths],
    cwd: root,
    env: { CONVNEXT_FUSION_TEST_BACKEND: backend },
  }).output().then((output) => {
    if (!output.success) Deno.stdout.writeSync(output.stdout);
    return output;
  });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${success ? "ok" : "FAILED"} ${paths.join(" ")} (${seconds} s)`);
  return success;
}

/** Milliseconds per image, the best of five batches. */
async function printTimings(backend: string): Promise<void> {
  const program = new URL("bench/inference_backend.ts", root).pathname;
  const runtime = await TimedProcess.start(Deno.execPath(), [
    "run",
    "--quiet",
    "-A",
    program,
    backend,
  ]);
  if (!runtime) return;
  for (const size of ["tiny", "base"]) {
    for (const batch of [1, 8, 64]) {
      let best = Infinity;
      for (let run = 0; run < 7; run++) {
        const milliseconds = await runtime.time({ size, batch });
        if (run > 1) best = Math.min(best, milliseconds / batch);
      }
      console.log(
        `convnext-${size}, batch ${batch}: ${best.toFixed(2)} ms per image`,
      );
    }
  }
  await runtime.close();
}

async function main(): Promise<number> {
  const gpu = await findGpu();
  if (gpu === undefined) {
    console.log("no GPU: nothing was tested");
    return 0;
  }
  console.log(
    `backend=${gpu.name}: ${gpu.device}; Deno ${Deno.version.deno}, TensorFlow.js ${tf.version_core}`,
  );
  let passed = true;
  const onGpu = await trainingStep("tests/data/micro_pool/alpha");
  // The same step on the processor tells whether it was right.
  await useBackend("wasm");
  const onProcessor = await trainingStep("tests/data/micro_pool/alpha");
  for (const [i, when] of ["before", "after"].entries()) {
    const [found, expected] = [onGpu[i]!, onProcessor[i]!];
    const equal = Math.abs(found - expected) < 1e-3 * Math.abs(expected);
    console.log(
      `${
        equal ? "ok" : "FAILED"
      } training step: loss ${when} ${found}, on wasm ${expected}`,
    );
    passed &&= equal;
  }
  for (
    const paths of [
      ["tests/backend/fused_test.ts", "tests/backend/memory_test.ts"],
      ["tests/convnext/model_test.ts", "tests/convnext/convnextv2_test.ts"],
      ["tests/merge", "tests/method"],
    ]
  ) {
    if (!await runTests(gpu.name, paths)) passed = false;
  }
  await printTimings(gpu.name);
  return passed ? 0 : 1;
}

Deno.exit(await main());
