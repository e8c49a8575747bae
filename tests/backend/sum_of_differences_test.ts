import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { sumOfDifferences } from "../../src/backend/mod.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

for (const shape of [[1], [3, 5, 7], [100, 333]]) {
  for (const count of [1, 3, 9]) {
    Deno.test(`what ${count} models of [${shape}] have more than their start`, async () => {
      const size = shape.reduce((a, b) => a * b);
      const values = (seed: number): Float32Array =>
        Float32Array.from(
          { length: size },
          (_, i) => Math.sin(i * seed + seed),
        );
      const start = values(0.1);
      const models = Array.from({ length: count }, (_, i) => values(i + 1.3));
      const expected = new Float32Array(size);
      for (const [m, model] of models.entries()) {
        for (let i = 0; i < size; i++) {
          const difference = Math.fround(model[i]! - start[i]!);
          expected[i] = m === 0 ? difference : expected[i]! + difference;
        }
      }
      const sum = tf.tidy(() =>
        sumOfDifferences(
          models.map((model) => tf.tensor(model, shape)),
          tf.tensor(start, shape),
        )
      );
      assertEquals(sum.shape, shape);
      const found = await sum.data();
      sum.dispose();
      for (let i = 0; i < size; i++) {
        const apart = Math.abs(found[i]! - expected[i]!);
        assertEquals(apart < 2e-6, true, `${i}: ${found[i]} of ${expected[i]}`);
      }
    });
  }
}
