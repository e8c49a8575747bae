import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { stateDictOf } from "../../../src/convnext/mod.ts";
import { MethodError } from "../../../src/fusion_error.ts";
import { loadMethod } from "../../../src/method/mod.ts";
import { tallMasks } from "../../../src/method/tall_mask/task_arithmetic.ts";
import { mergeModels } from "../../../src/modelpool/mod.ts";
import { mergeTiny } from "../../merge_case.ts";
import {
  microModelPool,
  taskBackbone,
  taskDifference,
} from "../../task_masks_case.ts";
import { testBackend } from "../../test_backend.ts";

const METHOD = "tall_mask/task_arithmetic";

Deno.test("tall_mask: shared backbone and every task's equal the authors' masks", async () => {
  const difference = await taskDifference("tall_mask", METHOD);
  assert(difference < 5e-5, `differs by ${difference}`);
});

Deno.test("tall_mask adds all task vectors up", async () => {
  assertEquals(
    await mergeTiny(METHOD, {}, {
      pretrained: { w: [1, 1] },
      models: { a: { w: [2, 1] }, b: { w: [3, 0] } },
    }),
    { w: [4, 0] },
  );
});

Deno.test("tall_mask keeps what outweighs lambda times the others", async () => {
  await testBackend();
  const masks = tallMasks(
    [tf.tensor1d([3, -1, 0.5, 0]), tf.tensor1d([1, 2, -1, 4])],
    [0.5, 2],
  );
  assertEquals(
    await Promise.all(masks.map(async (mask) => [...await mask.data()])),
    [[1, 0, 0, 0], [0, 0, 0, 1]],
  );
});

Deno.test("tall_mask with lambda 0 keeps whatever a task changed: the shared backbone", async () => {
  await testBackend();
  const pool = microModelPool();
  const model = await mergeModels(
    pool,
    await loadMethod(METHOD, { tall_mask_lambda: 0 }),
  );
  const merged = stateDictOf(model.model);
  const start = await pool.openStateDict("_pretrained_");
  const expert = await pool.openStateDict("gamma");
  const task = taskBackbone(model, "gamma");
  for (const name of start.names) {
    if (!name.startsWith("convnext.")) continue;
    const [shared, before, own, given] = await Promise.all(
      [merged, start, expert, task].map((state) => state.read(name)),
    );
    assertEquals(
      given,
      shared!.map((value, i) => own![i] === before![i] ? before![i]! : value),
    );
  }
  start.close();
  expert.close();
  await model.dispose();
});

Deno.test("tall_mask with a very large lambda gives the pretrained backbone", async () => {
  await testBackend();
  const pool = microModelPool();
  const model = await mergeModels(
    pool,
    await loadMethod(METHOD, { tall_mask_lambda: { alpha: 1e30, "*": 0 } }),
  );
  const start = await pool.openStateDict("_pretrained_");
  const name = "convnext.encoder.stages.1.layers.0.pwconv1.weight";
  const [before, alpha, beta] = await Promise.all(
    [start, taskBackbone(model, "alpha"), taskBackbone(model, "beta")].map((
      state,
    ) => state.read(name)),
  );
  assertEquals(alpha, before);
  assert(`${beta}` !== `${before}`, "a lambda for each task");
  start.close();
  await model.dispose();
});

Deno.test("tall_mask refuses a negative lambda", async () => {
  await assertRejects(
    () => loadMethod(METHOD, { tall_mask_lambda: -1 }),
    MethodError,
    "tall_mask_lambda",
  );
});
