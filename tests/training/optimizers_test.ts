import * as tf from "@tensorflow/tfjs";
import { assert, assertAlmostEquals } from "@std/assert";
import { adam } from "../../src/training/adam.ts";
import { crossEntropy } from "../../src/training/cross_entropy.ts";
import { clipByGlobalNorm } from "../../src/training/gradients.ts";
import { Optimizer } from "../../src/training/optimizer.ts";
import type { Parameter } from "../../src/training/parameters.ts";
import { learningRateAt } from "../../src/training/schedule.ts";
import { sgd } from "../../src/training/sgd.ts";
import { relativeDifference } from "../reference.ts";
import { testBackend } from "../test_backend.ts";
import golden from "./optimizers.json" with { type: "json" };

// What torch computed: tests/oracle/make_optimizers.py.

const RULES = {
  sgd,
  adam: (options: object) => adam(options),
  adamw: (options: object) => adam(options, true),
};

for (const { name, options, after } of golden.optimizers) {
  Deno.test(`${name} ${JSON.stringify(options)} steps as torch's`, async () => {
    await testBackend();
    const before = tf.memory().numTensors;
    // Two weights in a bucket, so that they are joined and split.
    const sizes = [5, 7];
    const cut = (values: number[]): number[][] => [
      values.slice(0, 5),
      values.slice(5),
    ];
    const parameters = cut(golden.start).map((values, i): Parameter => ({
      name: `${i}`,
      variable: tf.tidy(() => tf.variable(tf.tensor2d(values, [1, sizes[i]!]))),
      part: "backbone",
      depth: 0,
    }));
    const rule = RULES[name as keyof typeof RULES](options);
    const optimizer = new Optimizer(rule, parameters);
    for (const [step, expected] of after.entries()) {
      const gradients = Object.fromEntries(
        cut(golden.gradients[step]!).map((values, i) => [
          parameters[i]!.variable.name,
          tf.tensor2d(values, [1, sizes[i]!]),
        ]),
      );
      const flat = optimizer.flatten(gradients);
      optimizer.step(["backbone"], flat, golden.rates[step]!);
      tf.dispose([gradients, flat]);
      const found = (await Promise.all(
        parameters.map(({ variable }) => variable.data()),
      )).flatMap((values) => [...values]);
      const difference = relativeDifference(found, expected);
      assert(difference < 1e-6, `step ${step + 1}: ${difference}`);
    }
    optimizer.dispose();
    for (const { variable } of parameters) variable.dispose();
    assert(tf.memory().numTensors === before, "tensors are left behind");
  });
}

Deno.test("learning rates go as torch's schedulers", () => {
  for (const { options, rates } of golden.schedules) {
    for (const [step, rate] of rates.entries()) {
      const found = learningRateAt(0.02, step, 0, options as object);
      assertAlmostEquals(found, rate, 1e-9, JSON.stringify({ options, step }));
    }
  }
});

Deno.test("a schedule may count epochs", () => {
  const options = { name: "step", interval: "epoch", step_size: 2 } as const;
  const rates = [0, 1, 2, 3, 4].map((epoch) =>
    learningRateAt(1, 10 * epoch, epoch, options)
  );
  for (const [epoch, rate] of [1, 1, 0.1, 0.1, 0.01].entries()) {
    assertAlmostEquals(rates[epoch]!, rate, 1e-12);
  }
});

Deno.test("cross-entropy with label smoothing is torch's", async () => {
  await testBackend();
  for (
    const { label_smoothing, logits, labels, loss, gradient } of golden.losses
  ) {
    const { value, grad } = tf.tidy(() =>
      tf.valueAndGrad((x) =>
        crossEntropy(x as tf.Tensor2D, Int32Array.from(labels), label_smoothing)
      )(tf.tensor2d(logits))
    );
    assertAlmostEquals((await value.data())[0]!, loss, 1e-6 * loss);
    const difference = relativeDifference(await grad.data(), gradient.flat());
    assert(difference < 1e-6, `${difference}`);
    tf.dispose([value, grad]);
  }
});

Deno.test("gradients are clipped as torch clips them", async () => {
  await testBackend();
  for (const { limit, norm, gradients } of golden.clipped) {
    const tensors = [0, 1].map((i) => tf.tensor1d(golden.gradients[i]!));
    const found = clipByGlobalNorm(tensors, limit);
    assertAlmostEquals((await found.norm.data())[0]!, norm, 1e-5 * norm);
    for (const [i, expected] of gradients.entries()) {
      const values = await found.gradients[i]!.data();
      assert(relativeDifference(values, expected) < 1e-6);
    }
    tf.dispose([tensors, found.norm, found.gradients]);
  }
});
