import * as tf from "@tensorflow/tfjs";
import { assertEquals } from "@std/assert";
import {
  mergeTiesInLoops,
  mergeTiesInOperations,
  randomUniform,
} from "../../src/merge/mod.ts";
import { testReadableBackend } from "../test_backend.ts";

Deno.test("mergeTies gives the same numbers in one loop as in operations", async () => {
  await testReadableBackend();
  // Multiples of 1/8: many sums cancel exactly, many values are equal.
  const deltas = ["a", "b", "c", "d"].map((name) =>
    tf.tensor1d(
      randomUniform(0, [name], 0, 10_000).map((value) =>
        Math.round(value * 16 - 8) / 8
      ),
    )
  );
  const thresholds = [0, 0.25, 0.5, 0.75];
  for (const majoritySign of [-1, 0, 1]) {
    for (const mergeFunction of ["sum", "mean", "max"] as const) {
      const facts = { thresholds, majoritySign };
      const loop = mergeTiesInLoops(deltas, facts, mergeFunction);
      const operations = mergeTiesInOperations(deltas, facts, mergeFunction);
      // Adding 0 makes -0 and 0 the same.
      assertEquals(
        await tf.add(loop, 0).data(),
        await tf.add(operations, 0).data(),
        `${mergeFunction}, majority ${majoritySign}`,
      );
    }
  }
});
