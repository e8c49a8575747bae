import type * as tf from "@tensorflow/tfjs";

/**
 * Gives a matrix, [rows, columns], whenever it is needed: what it makes for that
 * is let go at once, so that of several large ones only one takes memory.
 */
export type MatrixMaker = () => tf.Tensor2D;
