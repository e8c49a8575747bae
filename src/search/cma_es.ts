import { randomNormal, symmetricEigen } from "../merge/mod.ts";

/** Length of the first steps, in the unit cube. */
const FIRST_STEP = 0.3;

/**
 * CMA-ES, the covariance matrix adaptation evolution strategy, in the unit
 * cube, with Hansen's defaults: generations of 4 + 3 ln(n) points. A point that
 * falls outside is moved to the border, and learnt from as it was moved.
 *
 * https://arxiv.org/abs/1604.00772
 *
 * @param size Number of dimensions, n.
 * @param seed Chooses the points.
 */
export function cmaEs(
  size: number,
  seed: number,
): { ask(): Float64Array; tell(score: number): void } {
  const population = 4 + Math.floor(3 * Math.log(size));
  const weights = recombinationWeights(population);
  const effective = 1 / weights.reduce((sum, weight) => sum + weight ** 2, 0);
  const rates = learningRates(size, effective);
  const mean = new Float64Array(size).fill(0.5);
  const covariance = identity(size);
  const stepPath = new Float64Array(size);
  const path = new Float64Array(size);
  let sigma = FIRST_STEP;
  let generation = 0;
  let axes = axesOf(covariance, size);
  let points: { point: Float64Array; score: number }[] = [];

  const update = (): void => {
    generation++;
    const best = points.toSorted((a, b) => b.score - a.score);
    const steps = best.slice(0, weights.length).map(({ point }) =>
      point.map((place, i) => (place - mean[i]!) / sigma)
    );
    const step = new Float64Array(size);
    for (const [k, each] of steps.entries()) {
      for (let i = 0; i < size; i++) step[i]! += weights[k]! * each[i]!;
    }
    for (let i = 0; i < size; i++) mean[i]! += sigma * step[i]!;
    const whitened = axes.whiten(step);
    const turn = Math.sqrt(rates.step * (2 - rates.step) * effective);
    for (let i = 0; i < size; i++) {
      stepPath[i] = (1 - rates.step) * stepPath[i]! + turn * whitened[i]!;
    }
    const length = Math.hypot(...stepPath);
    const unbiased = Math.sqrt(1 - (1 - rates.step) ** (2 * generation));
    const isSteady = length / unbiased <
      (1.4 + 2 / (size + 1)) * rates.expectedLength;
    const turn2 = isSteady
      ? Math.sqrt(rates.path * (2 - rates.path) * effective)
      : 0;
    for (let i = 0; i < size; i++) {
      path[i] = (1 - rates.path) * path[i]! + turn2 * step[i]!;
    }
    const lost = isSteady ? 0 : rates.one * rates.path * (2 - rates.path);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let rankMu = 0;
        for (const [k, each] of steps.entries()) {
          rankMu += weights[k]! * each[i]! * each[j]!;
        }
        covariance[i * size + j] = (1 - rates.one - rates.mu + lost) *
            covariance[i * size + j]! +
          rates.one * path[i]! * path[j]! +
          rates.mu * rankMu;
      }
    }
    sigma *= Math.exp(
      rates.step / rates.damping * (length / rates.expectedLength - 1),
    );
    sigma = Math.min(sigma, 1);
    axes = axesOf(covariance, size);
    points = [];
  };

  return {
    ask() {
      const draw = randomNormal(
        seed,
        ["cma-es", `${generation}`, `${points.length}`],
        size,
      );
      const step = axes.color(Float64Array.from(draw));
      const point = mean.map((center, i) =>
        Math.min(1, Math.max(0, center + sigma * step[i]!))
      );
      points.push({ point, score: NaN });
      return point;
    },
    tell(score) {
      points.at(-1)!.score = score;
      if (points.length === population) update();
    },
  };
}

function recombinationWeights(population: number): number[] {
  const parents = Math.floor(population / 2);
  const raw = Array.from(
    { length: parents },
    (_, i) => Math.log((population + 1) / 2) - Math.log(i + 1),
  );
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return raw.map((weight) => weight / sum);
}

function learningRates(n: number, effective: number) {
  const step = (effective + 2) / (n + effective + 5);
  const one = 2 / ((n + 1.3) ** 2 + effective);
  return {
    step,
    path: (4 + effective / n) / (n + 4 + 2 * effective / n),
    one,
    mu: Math.min(
      1 - one,
      2 * (effective - 2 + 1 / effective) / ((n + 2) ** 2 + effective),
    ),
    damping: 1 + step +
      2 * Math.max(0, Math.sqrt((effective - 1) / (n + 1)) - 1),
    expectedLength: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n ** 2)),
  };
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return matrix;
}

/** The covariance's square root, and the inverse of it. */
function axesOf(covariance: Float64Array, size: number): {
  color(vector: Float64Array): Float64Array;
  whiten(vector: Float64Array): Float64Array;
} {
  const { values, vectors } = symmetricEigen({
    rows: size,
    columns: size,
    data: covariance.slice(),
  });
  const apply = (
    vector: Float64Array,
    scale: (root: number) => number,
  ): Float64Array => {
    const result = new Float64Array(size);
    for (let k = 0; k < size; k++) {
      const axis = vectors.data.subarray(k * size, (k + 1) * size);
      const root = Math.sqrt(Math.max(values[k]!, 1e-20));
      let along = 0;
      for (let i = 0; i < size; i++) along += axis[i]! * vector[i]!;
      along *= scale(root);
      for (let i = 0; i < size; i++) result[i]! += along * axis[i]!;
    }
    return result;
  };
  return {
    color: (vector) => apply(vector, (root) => root),
    whiten: (vector) => apply(vector, (root) => 1 / root),
  };
}
