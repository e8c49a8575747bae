import type * as tf from "@tensorflow/tfjs";
import { BackendError } from "../fusion_error.ts";
import {
  activeTensorflow,
  type BindingAttribute,
  type TensorflowBinding,
} from "./tensorflow.ts";

/**
 * An attribute of a TensorFlow operation: its kind, then its value. Lists are
 * taken where the operation wants a list.
 */
export type NativeAttribute =
  | { type: "float32" | "int32" | "bool" }
  | { bool: boolean | boolean[] }
  | { int: number | number[] }
  | { float: number | number[] }
  | { string: string };

/** The attributes of an operation, by name. */
export type NativeAttributes = Readonly<Record<string, NativeAttribute>>;

function bindingAttribute(
  binding: TensorflowBinding,
  name: string,
  attribute: NativeAttribute,
): BindingAttribute {
  if ("type" in attribute) {
    const types = {
      float32: binding.TF_FLOAT,
      int32: binding.TF_INT32,
      bool: binding.TF_BOOL,
    };
    return { name, type: binding.TF_ATTR_TYPE, value: types[attribute.type] };
  }
  if ("bool" in attribute) {
    return { name, type: binding.TF_ATTR_BOOL, value: attribute.bool };
  }
  if ("int" in attribute) {
    return { name, type: binding.TF_ATTR_INT, value: attribute.int };
  }
  if ("float" in attribute) {
    return { name, type: binding.TF_ATTR_FLOAT, value: attribute.float };
  }
  return { name, type: binding.TF_ATTR_STRING, value: attribute.string };
}

/**
 * Whether the active backend runs TensorFlow's own operations
 * (`backend=tensorflow` or `cuda`): {@linkcode nativeOp}.
 */
export function hasNativeOps(): boolean {
  return activeTensorflow() !== undefined;
}

/**
 * Runs an operation of TensorFlow's library by its name in
 * https://www.tensorflow.org/api_docs/python/tf/raw_ops. The result belongs
 * to the surrounding `tf.tidy`; no gradient flows through it.
 *
 * @param name The operation: `Svd`, `Gelu`, `_FusedMatMul`, …
 * @param inputs Its tensors, in the order of its arguments.
 * @param attributes Its attributes; those with a default may be left out.
 * @param outputs How many tensors it returns.
 * @returns Its tensors.
 * @throws {BackendError} On another backend, or when TensorFlow refuses.
 */
export function nativeOp(
  name: string,
  inputs: tf.Tensor[],
  attributes: NativeAttributes = {},
  outputs = 1,
): tf.Tensor[] {
  const backend = activeTensorflow();
  if (backend === undefined) {
    throw new BackendError(
      `${name}: only TensorFlow's own library has this operation; use backend=tensorflow or backend=cuda`,
    );
  }
  try {
    return backend.executeMultipleOutputs(
      name,
      Object.entries(attributes).map(([key, attribute]) =>
        bindingAttribute(backend.binding, key, attribute)
      ),
      inputs,
      outputs,
    );
  } catch (error) {
    throw new BackendError(
      `${name}: TensorFlow's library refuses: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
