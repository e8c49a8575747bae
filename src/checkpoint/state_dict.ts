/** Element types a checkpoint may hold, by their safetensors names. */
export type DType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "U8"
  | "BOOL";

/** What is known of a tensor without reading it. */
export interface TensorInfo {
  /** Element type as stored. */
  readonly dtype: DType;
  /** Dimensions; `[]` is a scalar. */
  readonly shape: readonly number[];
}

/** A tensor of a view: which stored one it is, and where its elements stand. */
export interface ViewedTensor {
  /** The stored tensor's name. */
  readonly stored: string;
  /** Dimensions of the view. */
  readonly shape: readonly number[];
  /**
   * Stored elements from one index to the next, for each dimension.
   * @default one after the other
   */
  readonly strides?: readonly number[];
}

/** A checkpoint's tensors under other names, in other shapes and orders. */
export interface CheckpointView {
  /** The checkpoint, as for `openCheckpoint`. */
  readonly path: string;
  /** The view's tensors by name. */
  readonly tensors: ReadonlyMap<string, ViewedTensor>;
}

/** Where a state dict can be opened again, in another thread too. */
export type CheckpointLocation = string | CheckpointView;

/**
 * Named tensors, read on demand: opening one reads names, types and shapes;
 * elements come by range. Implemented by files, by a `tf.LayersModel` (in
 * Hugging Face's layout) and by plain memory, so that what merges files merges
 * loaded models too.
 */
export interface StateDict {
  /** Tensor names, in the order in which the source stores them. */
  readonly names: readonly string[];
  /** What a reader of an error message should look for: a path or a model's name. */
  readonly source: string;
  /** Where `openLocation` opens it again, in another thread too, if it can. */
  readonly location?: CheckpointLocation;
  /**
   * Type and shape of one tensor.
   * @throws {CheckpointError} If there is no tensor of that name.
   */
  info(name: string): TensorInfo;
  /**
   * Elements [begin, end) of the flattened tensor, as float32. The array is
   * the caller's to keep and change.
   * @throws {CheckpointError} If there is no such tensor or range.
   */
  read(name: string, begin?: number, end?: number): Promise<Float32Array>;
  /**
   * Like {@linkcode read}, into the first elements of memory that the caller
   * keeps, which spares it a new array a chunk. Sources may leave it out.
   * @throws {CheckpointError} If there is no such tensor or range, or it does
   * not fit into `target`.
   */
  readInto?(
    name: string,
    begin: number,
    end: number,
    target: Float32Array,
  ): Promise<void>;
  /** Releases files held open. Reading afterwards is an error. */
  close(): void;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
