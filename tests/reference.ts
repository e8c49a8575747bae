import { fromFileUrl } from "@std/path";
import { elementCount, type StateDict } from "../src/checkpoint/mod.ts";

/** Path of a file or folder that the tests read, from the checkout's root. */
export function dataPath(path: string): string {
  return fromFileUrl(new URL(`../${path}`, import.meta.url));
}

/** Largest difference, relative to the largest absolute value expected. */
export function relativeDifference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs(actual[i]! - expected[i]!);
    if (!(gap <= difference)) difference = gap;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}

/**
 * How far a merged state dict is from a golden one, as the reference's README
 * measures it, worst over the golden's tensors:
 * |ours - golden| / (|golden - pretrained| + 1e-6 |golden|), Frobenius norms.
 */
export async function mergeDifference(
  merged: StateDict,
  golden: StateDict,
  pretrained: StateDict,
): Promise<{ difference: number; tensor: string }> {
  let worst = { difference: 0, tensor: "" };
  for (const tensor of golden.names) {
    const size = elementCount(golden.info(tensor).shape);
    const [ours, expected, start] = await Promise.all(
      [merged, golden, pretrained].map((state) => state.read(tensor, 0, size)),
    );
    let error = 0;
    let moved = 0;
    let norm = 0;
    for (let i = 0; i < size; i++) {
      error += (ours![i]! - expected![i]!) ** 2;
      moved += (expected![i]! - start![i]!) ** 2;
      norm += expected![i]! ** 2;
    }
    const difference = Math.sqrt(error) /
      (Math.sqrt(moved) + 1e-6 * Math.sqrt(norm));
    if (!(difference <= worst.difference)) worst = { difference, tensor };
  }
  return worst;
}
