import * as tf from "@tensorflow/tfjs";
import { nativeOp } from "../../backend/mod.ts";
import { type BatchEigen, leadingEigen } from "./leading_eigen.ts";
import type { MatrixMaker } from "./matrix_maker.ts";
import { smallerGram, transposedTimes } from "./products.ts";
import type { Svd } from "./svd.ts";

/** Sides from which on the leading directions are sought alone. */
const LARGE = 384;

/**
 * Decomposes the smaller sides' Gram matrices by TensorFlow's library: several
 * at once, as one takes no more than one core.
 *
 * @param matrices All of one shape.
 * @param count How many directions are needed. Default: all.
 */
export function gramEigen(
  matrices: readonly MatrixMaker[],
  count: number = Infinity,
): BatchEigen {
  const grams = tf.tidy(() =>
    tf.stack(matrices.map((matrix) => tf.tidy(() => smallerGram(matrix()))))
  );
  if (grams.shape[1]! >= LARGE && count <= grams.shape[1]! / 4) {
    const leading = leadingEigen(grams as tf.Tensor3D, count);
    if (leading) {
      grams.dispose();
      return leading;
    }
  }
  const [values, vectors] = nativeOp("SelfAdjointEigV2", [grams], {
    T: { type: "float32" },
    compute_v: { bool: true },
  }, 2) as [tf.Tensor2D, tf.Tensor3D];
  const all = values.dataSync() as Float32Array;
  const r = vectors.shape[1];
  tf.dispose([grams, values]);
  return {
    values: matrices.map((_, i) => all.slice(i * r, (i + 1) * r)),
    vectors,
  };
}

/**
 * The leading singular directions from the eigenvectors of the smaller side's
 * Gram matrix: the other side's are their products with the matrix.
 *
 * @param index Which of the decomposed matrices this is.
 */
export function directionsFromGram(
  make: MatrixMaker,
  { vectors }: BatchEigen,
  index: number,
  count: number,
): Svd {
  return tf.tidy(() => {
    const matrix = make();
    const [rows, columns] = matrix.shape;
    const r = Math.min(rows, columns);
    const top = tf.reverse(
      tf.reshape(
        tf.slice(vectors, [index, 0, vectors.shape[2] - count], [1, r, count]),
        [r, count],
      ) as tf.Tensor2D,
      1,
    );
    if (rows <= columns) {
      const other = transposedTimes(top, matrix); // rows are s v
      const s = tf.sqrt(tf.sum(tf.square(other), 1)) as tf.Tensor1D;
      const vt = tf.div(other, tf.reshape(s, [count, 1])) as tf.Tensor2D;
      return { u: top, s, vt };
    }
    const other = tf.matMul(matrix, top); // columns are s u
    const s = tf.sqrt(tf.sum(tf.square(other), 0)) as tf.Tensor1D;
    const u = tf.div(other, s) as tf.Tensor2D;
    return { u, s, vt: tf.transpose(top) };
  });
}
