import { assert, assertEquals } from "@std/assert";
import { TorchGenerator } from "../../src/torch_generator.ts";
import { BatchOrder } from "../../src/training/batch_order.ts";
import draws from "./draws.json" with { type: "json" };

for (const { length, batch, seed, epochs } of draws.orders) {
  Deno.test(`${length} images in batches of ${batch}, seed ${seed}: a DataLoader's order`, () => {
    const order = new BatchOrder(length, batch, 1, seed);
    const batches = epochs.flat();
    const take = (step: number): number[][] =>
      order.batches(step).map((images) => [...images]);
    for (const [step, expected] of batches.entries()) {
      assertEquals(take(step), [expected]);
    }
    // A run that goes on begins anywhere.
    assertEquals(take(1), [batches[1]!]);
    assertEquals(take(batches.length - 1), [batches.at(-1)!]);
  });
}

for (const { classes, features, seed, kernel } of draws.heads) {
  Deno.test(`a head of ${classes} x ${features}, seed ${seed}: as normal_ draws it`, () => {
    const values = new TorchGenerator(seed).normal(classes * features, 0.02);
    assertEquals(values.length, kernel.length);
    for (const [i, value] of values.entries()) {
      assert(Math.abs(value - kernel[i]!) < 1e-7, `${i}: ${value}`);
    }
  });
}
