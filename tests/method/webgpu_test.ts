import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { useBackend } from "../../src/backend/mod.ts";
import { presetIndex } from "../../src/config/mod.ts";
import { importMethod } from "../../src/method/mod.ts";
import { mergeMicro } from "../merge_case.ts";
import { testBackendName } from "../test_backend.ts";

// On WebGPU no value can be read while a method computes: every method must
// merge there all the same.

const { method: methods } = await presetIndex();
for (const name of methods.filter((name) => !/^classification/.test(name))) {
  const { method } = await importMethod(name);
  if (method.ensemble || method.dataUse) continue;
  Deno.test({
    name: `${name} merges on WebGPU`,
    ignore: testBackendName !== "webgpu",
    fn: async () => {
      const { shape } = method.parameters.def as unknown as {
        shape?: Record<string, unknown>;
      };
      const count = Math.min(method.maximumModels ?? 2, 2);
      const models = ["alpha", "beta"].slice(0, count);
      await useBackend("webgpu");
      const merged = await mergeMicro(name, {
        ...(shape && "task" in shape && { task: "alpha" }),
        ...(shape && "weights" in shape && { weights: models.map(() => 1) }),
      }, { models });
      for (const tensor of merged.names) {
        const values = await merged.read(tensor);
        assert(values.every(Number.isFinite), tensor);
      }
      assert(tf.getBackend() === "webgpu", "the backend is as it was");
    },
  });
}
