/**
 * Runs as a program of its own, since a library that does not fit this
 * processor ends the process: multiplies two matrices of integers, which is
 * exact, and compares.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { useBackend } from "../../src/backend/mod.ts";

const name = Deno.args[0] === "cuda" ? "cuda" : "tensorflow";
const { device } = await useBackend(name);
const size = 64;
const left = Array.from({ length: size * size }, (_, i) => i % 7 - 3);
const right = Array.from({ length: size * size }, (_, i) => i % 11 - 5);
const found = tf.matMul(
  tf.tensor2d(left, [size, size]),
  tf.tensor2d(right, [size, size]),
).dataSync();
for (let row = 0; row < size; row++) {
  for (let column = 0; column < size; column++) {
    let expected = 0;
    for (let i = 0; i < size; i++) {
      expected += left[row * size + i]! * right[i * size + column]!;
    }
    const value = found[row * size + column];
    if (value !== expected) {
      console.error(
        `product [${row}, ${column}]: found ${value}, expected ${expected}`,
      );
      Deno.exit(1);
    }
  }
}
console.log(device);
