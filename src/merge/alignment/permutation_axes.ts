/** Which permutation moves a tensor along its first axes; undefined: none. */
export interface PermutationAxes {
  /** Along the first axis that is longer than 1, or the first. */
  readonly first?: string;
  /** Along the one behind it. */
  readonly second?: string;
}

/** A permutation for each group of channels, by its name. */
export type Permutations = ReadonlyMap<string, Int32Array>;

const STAGE =
  /\.stages\.(\d+)\.(?:(downsampling_layer\.[01])|layers\.(\d+))\.(.+)$/;

/**
 * Which permutations of channels leave what a ConvNeXt computes as it is: one a
 * stage, of the channels that its blocks add to, and one a block, of the
 * channels between its two products.
 *
 * @param stages Number of stages.
 */
export function permutationAxes(
  name: string,
  stages: number,
): PermutationAxes {
  const last = `stage ${stages - 1}`;
  const match = STAGE.exec(name);
  if (!match) {
    if (name === "classifier.weight") return { second: last };
    if (name.startsWith("classifier.")) return {};
    return { first: name.includes(".embeddings.") ? "stage 0" : last };
  }
  const [, stageText, downsampling, layer, tensor] = match;
  const stage = `stage ${stageText}`;
  if (downsampling) {
    const before = `stage ${Number(stageText) - 1}`;
    if (downsampling.endsWith("0")) return { first: before };
    return tensor === "weight"
      ? { first: stage, second: before }
      : { first: stage };
  }
  const block = `block ${stageText}.${layer}`;
  if (tensor === "pwconv1.weight") return { first: block, second: stage };
  if (tensor === "pwconv2.weight") return { first: stage, second: block };
  return /^(pwconv1\.bias|grn\.)/.test(tensor!)
    ? { first: block }
    : { first: stage };
}

/** Number of stages of the model whose tensors these are. */
export function stageCount(names: Iterable<string>): number {
  let count = 0;
  for (const name of names) {
    const match = STAGE.exec(name);
    if (match) count = Math.max(count, Number(match[1]) + 1);
  }
  return count;
}

/** A tensor's axes as three: [first, second, others]. */
export function axisSizes(
  shape: readonly number[],
): [first: number, second: number, others: number] {
  // [1, 1, 1, channels], as a vector.
  const sizes = shape[0] === 1 && shape.length === 4 ? shape.slice(3) : shape;
  const [first = 1, second = 1, ...others] = sizes;
  return [first, second, others.reduce((product, side) => product * side, 1)];
}

/** Moves a tensor's elements: result[i, j] = values[first[i], second[j]]. */
export function permuted(
  values: Float32Array,
  shape: readonly number[],
  first: Int32Array | undefined,
  second: Int32Array | undefined,
): Float32Array {
  if (!first && !second) return values;
  const [rows, columns, others] = axisSizes(shape);
  const result = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    const from = (first?.[i] ?? i) * columns * others;
    const to = i * columns * others;
    if (!second) {
      result.set(values.subarray(from, from + columns * others), to);
      continue;
    }
    for (let j = 0; j < columns; j++) {
      const source = from + second[j]! * others;
      for (let k = 0; k < others; k++) {
        result[to + j * others + k] = values[source + k]!;
      }
    }
  }
  return result;
}
