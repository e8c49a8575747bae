import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../fusion_error.ts";
import { activeTensorflow } from "./tensorflow.ts";

/** Whether an operation runs here, tried until that is known. */
const found = new Map<string, boolean>();

/** TensorFlow's NOT_FOUND and UNIMPLEMENTED: no other attempt will do better. */
const NOT_THERE = /TF_Status: (5|12)\b/;

/**
 * Whether this TensorFlow has an operation: an older set-up's library lacks
 * ours, a processor that is not x86 oneDNN's, a GPU both.
 */
export function hasNativeOp(
  name: string,
  attempt: () => tf.Tensor | tf.Tensor[],
): boolean {
  const backend = activeTensorflow();
  if (backend === undefined || backend.binding.isUsingGpuDevice()) return false;
  let works = found.get(name);
  if (works === undefined) {
    try {
      tf.dispose(attempt());
      works = true;
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      works = false;
      // One of other shapes may do: these are what is refused.
      if (!NOT_THERE.test(error.message)) return works;
    }
    found.set(name, works);
  }
  return works;
}
