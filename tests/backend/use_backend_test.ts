import * as tf from "@tensorflow/tfjs";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type BackendChoice, useBackend } from "../../src/backend/mod.ts";
import { BackendError } from "../../src/fusion_error.ts";
import { testBackend } from "../test_backend.ts";

/** Runs a program of its own on this module, with these flags of Deno. */
async function runIsolated(
  source: string,
  flags: string[],
  env: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--no-prompt", ...flags, "-"],
    cwd: new URL("../..", import.meta.url),
    env,
    // A process that does not end by itself is a failure too.
    signal: AbortSignal.timeout(30_000),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(
    `import * as tf from "@tensorflow/tfjs";
     import { useBackend } from "./src/backend/mod.ts";
     ${source}`,
  ));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert(success);
  const text = new TextDecoder();
  return { stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("useBackend starts wasm and cpu, which multiply", async () => {
  for (const name of ["wasm", "cpu"] as const) {
    const active = await useBackend(name);
    assertEquals(active.name, name);
    assertEquals(tf.getBackend(), name);
    assert(active.device.length > 0);
    const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]);
    assertEquals([...product.dataSync()], [19, 22, 43, 50]);
  }
  await testBackend();
});

Deno.test("an unknown backend is named with those that there are", async () => {
  const error = await assertRejects(
    () => useBackend("webgl" as BackendChoice),
    BackendError,
  );
  assertStringIncludes(
    error.message,
    "backend=webgl: no such backend; expected one of auto, cuda, tensorflow",
  );
});

Deno.test("wasm says nothing and needs only --allow-read", async () => {
  const { stdout, stderr } = await runIsolated(
    `const { name } = await useBackend("wasm");
     console.log(name, ...tf.add([1], [2]).dataSync());
     await useBackend("cpu");
     console.log(...tf.add([1], [2]).dataSync());`,
    ["--allow-read"],
  );
  assertEquals([stdout, stderr], ["wasm 3\n3\n", ""]);
});

Deno.test("one and two threads of wasm give the same numbers", async () => {
  const outputs = await Promise.all([1, 2].map((wasmThreads) =>
    runIsolated(
      `const { device } = await useBackend("wasm", { wasmThreads: ${wasmThreads} });
       const x = tf.sin(tf.range(0, 64 * 48)).reshape([64, 48]);
       const y = tf.matMul(x, x, false, true);
       const z = tf.depthwiseConv2d(
         x.reshape([1, 8, 8, 48]), x.slice(0, 49).reshape([7, 7, 48, 1]),
         1, "same");
       console.log(device);
       console.log(JSON.stringify([...await y.data(), ...await z.data()]));`,
      ["--allow-read"],
    )
  ));
  const [one, two] = outputs.map(({ stdout }) => stdout.split("\n"));
  assertEquals(one![0], "WebAssembly SIMD, 1 thread");
  assertEquals(two![0], "WebAssembly SIMD, 2 threads");
  assert(one![1]!.length > 10_000);
  assertEquals(one![1], two![1]);
  assertEquals(outputs.map(({ stderr }) => stderr), ["", ""]);
});

Deno.test("a number of threads that makes no sense is refused", async () => {
  const error = await assertRejects(
    () => useBackend("wasm", { wasmThreads: 9 }),
    BackendError,
  );
  assertEquals(
    error.message,
    "wasmThreads: found 9, expected a whole number from 1 to 8",
  );
});

Deno.test("backend=tensorflow says how to install it", async () => {
  const { stdout } = await runIsolated(
    `await useBackend("tensorflow").catch((e) => console.log(e.message));`,
    ["-A"],
    { CONVNEXT_FUSION_TENSORFLOW: "/nowhere" },
  );
  assertEquals(
    stdout,
    "backend=tensorflow: TensorFlow's library is not in /nowhere/cpu; install it with: deno task setup:tensorflow\n",
  );
});

Deno.test("backend=cuda says how to install it", async () => {
  const { stdout } = await runIsolated(
    `await useBackend("cuda").catch((e) => console.log(e.message));`,
    ["-A"],
    { CONVNEXT_FUSION_TENSORFLOW: "/nowhere" },
  );
  assertStringIncludes(stdout, "deno task setup:tensorflow --cuda\n");
});

Deno.test("backend=tensorflow without the flags names them", async () => {
  const { stdout } = await runIsolated(
    `await useBackend("tensorflow").catch((e) => console.log(e.message));`,
    ["--allow-read"],
  );
  assertStringIncludes(stdout, "--allow-ffi is not given");
});

Deno.test("auto takes what works with the flags that it has", async () => {
  const { stdout } = await runIsolated(
    `console.log((await useBackend()).name)`,
    ["--allow-read"],
  );
  assert(["webgpu\n", "wasm\n"].includes(stdout), stdout);
});
