import * as tf from "@tensorflow/tfjs";
import { nativeOp } from "../../backend/mod.ts";
import { symmetricProduct } from "./products.ts";

/** Added to the Gram matrix's diagonal, relative to it: some roundings. */
const SHIFT = 1e-6;

/**
 * Makes rows orthonormal by their Gram matrix's Cholesky decomposition: nearly,
 * where they were nearly dependent, and to rounding when it is done twice.
 *
 * @param blocks [matrices, width, n] each: the first one's rows become
 * orthonormal, and the others' are combined as they are.
 * @throws {BackendError} If they are dependent.
 */
export function orthonormalRows(
  blocks: readonly tf.Tensor3D[],
): tf.Tensor3D[] {
  return tf.tidy(() => {
    const [first] = blocks as [tf.Tensor3D];
    const gram = symmetricProduct(first, first);
    const [matrices, width] = gram.shape;
    const largest = tf.max(gram, [1, 2], true);
    const shift = tf.mul(
      tf.reshape(tf.eye(width), [1, width, width]),
      tf.mul(largest, SHIFT),
    );
    const [lower] = nativeOp("Cholesky", [
      tf.reshape(tf.add(gram, shift), [matrices, width, width]),
    ], { T: { type: "float32" } });
    return blocks.map((block) =>
      nativeOp("MatrixTriangularSolve", [lower!, block], {
        T: { type: "float32" },
        lower: { bool: true },
        adjoint: { bool: false },
      })[0] as tf.Tensor3D
    );
  });
}
