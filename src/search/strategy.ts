import { ConfigError } from "../fusion_error.ts";
import { randomUniform } from "../merge/mod.ts";
import { cmaEs } from "./cma_es.ts";
import {
  type SearchSpace,
  stepValue,
  valueAt,
  valueCount,
} from "./search_space.ts";

/** The names of the strategies. */
export const STRATEGIES = ["grid", "random", "cma_es"] as const;

/** A strategy's name. */
export type StrategyName = typeof STRATEGIES[number];

/**
 * Which points are tried, one after the other. What it asks for depends on
 * nothing but what it was told, so that a search can be repeated from a record.
 */
export interface Strategy {
  /** Number of points; undefined where it has no end of its own. */
  readonly size?: number;
  /** The next point; undefined when there are no more. */
  ask(): number[] | undefined;
  /** How good the point asked for is: the larger, the better. */
  tell(score: number): void;
}

/**
 * Makes a strategy.
 *
 * @param seed Chooses random points.
 * @throws {ConfigError} If a grid is asked for and a range has no step.
 */
export function createStrategy(
  name: StrategyName,
  space: SearchSpace,
  seed: number,
): Strategy {
  if (name === "grid") return grid(space);
  if (name === "random") return random(space, seed);
  const { dimensions } = space;
  const { ask, tell } = cmaEs(dimensions.length, seed);
  return {
    ask: () => Array.from(ask(), (place, i) => valueAt(dimensions[i]!, place)),
    tell,
  };
}

/** Every combination of steps; the last number changes fastest. */
function grid({ dimensions }: SearchSpace): Strategy {
  const counts = dimensions.map((dimension) => {
    const count = valueCount(dimension);
    if (count !== undefined) return count;
    throw new ConfigError(
      `command line: method.${
        dimension.path.join(".")
      }: found a range without a step, expected LOW:HIGH:STEP for strategy=grid`,
    );
  });
  const total = counts.reduce((product, count) => product * count, 1);
  let next = 0;
  return {
    size: total,
    ask() {
      if (next === total) return undefined;
      let rest = next++;
      const point = new Array<number>(counts.length);
      for (let i = counts.length - 1; i >= 0; i--) {
        point[i] = stepValue(dimensions[i]!, rest % counts[i]!);
        rest = Math.floor(rest / counts[i]!);
      }
      return point;
    },
    tell: () => {},
  };
}

function random({ dimensions }: SearchSpace, seed: number): Strategy {
  let trial = 0;
  return {
    ask() {
      const places = randomUniform(
        seed,
        ["random search", `${trial++}`],
        0,
        dimensions.length,
      );
      return dimensions.map((dimension, i) => valueAt(dimension, places[i]!));
    },
    tell: () => {},
  };
}
