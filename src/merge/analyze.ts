import { checkFinite, isFinite } from "./check_finite.ts";
import { missingPretrained } from "./chunk.ts";
import { DEFAULT_CHUNK_SIZE, type MergeOptions } from "./merge.ts";
import { type MergePool, targetTensors } from "./pool.ts";
import { anySign, countConflicts, signBits } from "./sign_bits.ts";
import { taskVectorPass } from "./task_vector_pass.ts";

/** What the task vectors do in one layer. */
export interface LayerAnalysis {
  /** The layer: a block, a downsampling layer, the stem or the last LayerNorm. */
  readonly layer: string;
  /** Number of weights. */
  readonly parameters: number;
  /** Each model's L2 norm there. */
  readonly norms: Readonly<Record<string, number>>;
  /** Share of the weights that one model raises and another lowers, 0 to 1. */
  readonly sign_conflict: number;
}

/** How the task vectors of a pool lie to each other. */
export interface PoolAnalysis {
  /** The models, in the order of the matrices' rows and columns. */
  readonly models: readonly string[];
  /** Number of weights of the fusion targets. */
  readonly parameters: number;
  /** L2 norm of each model's task vector. */
  readonly norms: Readonly<Record<string, number>>;
  /**
   * Cosine of the angle between every two task vectors, -1 to 1; 0 where one of
   * them is zero everywhere.
   */
  readonly cosine_similarity: readonly (readonly number[])[];
  /** Share of the weights that one model raises and another lowers, 0 to 1. */
  readonly sign_conflict: number;
  /** For every two models, the share of the weights that they move apart. */
  readonly sign_conflict_by_pair: readonly (readonly number[])[];
  /** Layer by layer, from the stem on. */
  readonly layers: readonly LayerAnalysis[];
}

/** Sums over one layer, or over all. */
interface Sums {
  parameters: number;
  conflicts: number;
  /** Inner products, row by row. */
  products: Float64Array;
  /** Weights that two models move apart, row by row. */
  apart: Float64Array;
}

/**
 * Compares the task vectors of a pool in one pass over its files, in chunks.
 *
 * @throws {MethodError} If the pool has no `_pretrained_`, or a model holds NaN
 * or infinity (names model and tensor).
 * @throws {ModelPoolError} If the models' tensors do not fit each other.
 */
export async function analyzePool(
  pool: MergePool,
  options: Pick<MergeOptions, "targets" | "chunkSize" | "onProgress"> = {},
): Promise<PoolAnalysis> {
  const { targets = ["convnext"], chunkSize = DEFAULT_CHUNK_SIZE } = options;
  if (!pool.pretrained) throw missingPretrained("analyze");
  const shapes = targetTensors(pool, targets);
  const models = [...pool.models.keys()];
  const layers = new Map<string, Sums>();
  for (const name of [...shapes.keys()].sort(inOrderOfDepth)) {
    layers.set(layerOf(name), newSums(models.length));
  }
  const sizes = Array.from(
    shapes.values(),
    (shape) => shape.reduce((size, length) => size * length, 1),
  );
  const size = sizes.reduce((sum, next) => sum + next, 0);
  let done = 0;
  for await (
    const { name, begin, deltas } of taskVectorPass(pool, {
      targets: shapes,
      chunkSize,
    })
  ) {
    if (!deltas.every(isFinite)) {
      await findNonfinite(pool, { name, begin }, deltas[0]!.length);
    }
    addChunk(layers.get(layerOf(name))!, deltas);
    done += deltas[0]!.length;
    options.onProgress?.(done, size);
  }
  const all = newSums(models.length);
  for (const layer of layers.values()) addSums(all, layer);
  const norms = normsOf(all, models);
  const { parameters, products, apart } = all;
  return {
    models,
    parameters,
    norms,
    cosine_similarity: models.map((a, i) =>
      models.map((b, j) => {
        if (i === j && norms[a] !== 0) return 1;
        return products[i * models.length + j]! / (norms[a]! * norms[b]!) || 0;
      })
    ),
    sign_conflict: all.conflicts / parameters,
    sign_conflict_by_pair: models.map((_, i) =>
      models.map((_, j) => apart[i * models.length + j]! / parameters)
    ),
    layers: Array.from(layers, ([layer, sums]) => ({
      layer,
      parameters: sums.parameters,
      norms: normsOf(sums, models),
      sign_conflict: sums.conflicts / sums.parameters,
    })),
  };
}

/** Tells which model holds what is no number. */
async function findNonfinite(
  pool: MergePool,
  chunk: { name: string; begin: number },
  length: number,
): Promise<void> {
  for (const source of [pool.pretrained!, ...pool.models.values()]) {
    const { name, begin } = chunk;
    const data = await source.read(name, begin, begin + length);
    checkFinite(data, { source: source.source, tensor: name, begin });
  }
}

/** The layer of a tensor: `encoder.stages.1.layers.0` of a block's. */
function layerOf(name: string): string {
  const block =
    /(?:^|\.)(encoder\.stages\.\d+\.(?:layers\.\d+|downsampling_layer)|embeddings|layernorm)\./
      .exec(name);
  return block?.[1] ?? name;
}

/** Stem, stages (each with its downsampling first), last LayerNorm. */
function inOrderOfDepth(a: string, b: string): number {
  const place = (name: string): number[] => {
    const match = /stages\.(\d+)\.(?:layers\.(\d+))?/.exec(name);
    if (match) return [1, Number(match[1]), Number(match[2] ?? -1)];
    return [name.includes("embeddings") ? 0 : 2, 0, 0];
  };
  const [first, second] = [place(a), place(b)];
  for (const [i, value] of first.entries()) {
    if (value !== second[i]) return value - second[i]!;
  }
  return 0;
}

function newSums(models: number): Sums {
  return {
    parameters: 0,
    conflicts: 0,
    products: new Float64Array(models * models),
    apart: new Float64Array(models * models),
  };
}

function addSums(total: Sums, { parameters, conflicts, ...pairs }: Sums): void {
  total.parameters += parameters;
  total.conflicts += conflicts;
  for (const key of ["products", "apart"] as const) {
    pairs[key].forEach((value, i) => total[key][i]! += value);
  }
}

/** Elements that stay in the processor's cache while all pairs are compared. */
const BLOCK = 4096;

function addChunk(sums: Sums, deltas: readonly Float32Array[]): void {
  const size = deltas[0]!.length;
  sums.parameters += size;
  for (let begin = 0; begin < size; begin += BLOCK) {
    addBlock(sums, deltas.map((delta) => delta.subarray(begin, begin + BLOCK)));
  }
}

function addBlock(sums: Sums, deltas: readonly Float32Array[]): void {
  const count = deltas.length;
  const signs = deltas.map(signBits);
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      const product = innerProduct(deltas[i]!, deltas[j]!);
      const apart = countConflicts(signs[i]!, signs[j]!);
      for (const at of new Set([i * count + j, j * count + i])) {
        sums.products[at]! += product;
        sums.apart[at]! += apart;
      }
    }
  }
  const any = anySign(signs);
  sums.conflicts += countConflicts(any, any);
}

/** In float64, as four sums that a processor can add at the same time. */
function innerProduct(a: Float32Array, b: Float32Array): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const whole = a.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    first += a[i]! * b[i]!;
    second += a[i + 1]! * b[i + 1]!;
    third += a[i + 2]! * b[i + 2]!;
    fourth += a[i + 3]! * b[i + 3]!;
  }
  for (let i = whole; i < a.length; i++) first += a[i]! * b[i]!;
  return first + second + third + fourth;
}

function normsOf(
  { products }: Sums,
  models: readonly string[],
): Record<string, number> {
  return Object.fromEntries(
    models.map((model, i) => [
      model,
      Math.sqrt(products[i * models.length + i]!),
    ]),
  );
}
