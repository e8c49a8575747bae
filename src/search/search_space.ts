import { ConfigError } from "../fusion_error.ts";

/** A number that is searched for. */
export interface Dimension {
  /** Where it stands in the method's parameters. */
  readonly path: readonly (string | number)[];
  /** Smallest value. */
  readonly low: number;
  /** Largest value. */
  readonly high: number;
  /** Values are this far apart, from the smallest on. Default: any value. */
  readonly step?: number;
}

/** The numbers that are searched for, and what they are put into. */
export interface SearchSpace {
  /** One for each number. */
  readonly dimensions: readonly Dimension[];
  /** The method's parameters with numbers in the ranges' places. */
  at(point: readonly number[]): Record<string, unknown>;
}

const NUMBER = String.raw`([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)`;
const RANGE = new RegExp(`^${NUMBER}:${NUMBER}(?::${NUMBER})?$`, "i");

/**
 * Finds the ranges in a method's parameters: text `LOW:HIGH` or `LOW:HIGH:STEP`
 * in a number's place, also in lists and mappings.
 *
 * @param layers Numbers from the stem to the last layer in each range's place,
 * between which methods interpolate; one number if left out.
 * @throws {ConfigError} If there is no range, or one is empty.
 */
export function searchSpace(
  parameters: Readonly<Record<string, unknown>>,
  layers?: number,
): SearchSpace {
  const template = structuredClone(parameters) as Record<string, unknown>;
  const dimensions: Dimension[] = [];
  const walk = (
    value: unknown,
    path: readonly (string | number)[],
    put: (value: unknown) => void,
  ): void => {
    if (typeof value === "string") {
      const range = rangeOf(value, path);
      if (!range) return;
      if (layers === undefined) {
        dimensions.push({ path, ...range });
        return;
      }
      put(Array(layers).fill(0));
      for (let i = 0; i < layers; i++) {
        dimensions.push({ path: [...path, i], ...range });
      }
    } else if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) {
        walk(item, [...path, i], (next) => value[i] = next);
      }
    } else if (typeof value === "object" && value !== null) {
      const mapping = value as Record<string, unknown>;
      for (const [key, item] of Object.entries(mapping)) {
        walk(item, [...path, key], (next) => mapping[key] = next);
      }
    }
  };
  walk(template, [], () => {});
  if (dimensions.length === 0) {
    throw new ConfigError(
      "command line: nothing to search for, expected a range such as method.scaling_factor=0.1:1.0:0.1",
    );
  }
  return {
    dimensions,
    at(point) {
      const result = structuredClone(template);
      for (const [i, { path }] of dimensions.entries()) {
        let parent = result as Record<string | number, unknown>;
        for (const part of path.slice(0, -1)) {
          parent = parent[part] as Record<string | number, unknown>;
        }
        parent[path.at(-1)!] = point[i]!;
      }
      return result;
    },
  };
}

function rangeOf(
  text: string,
  path: readonly (string | number)[],
): Omit<Dimension, "path"> | undefined {
  const match = RANGE.exec(text);
  if (!match) return undefined;
  const [low, high, step] = match.slice(1).map((part) =>
    part === undefined ? undefined : Number(part)
  );
  if (
    low! < high! && (step === undefined || step > 0 && step <= high! - low!)
  ) {
    return { low: low!, high: high!, ...(step !== undefined && { step }) };
  }
  throw new ConfigError(
    `command line: method.${
      path.join(".")
    }: found the range ${text}, expected LOW:HIGH or LOW:HIGH:STEP with LOW < HIGH and 0 < STEP <= HIGH - LOW`,
  );
}

/** How many values a dimension has; undefined if any number will do. */
export function valueCount({ low, high, step }: Dimension): number | undefined {
  return step === undefined
    ? undefined
    : Math.floor((high - low) / step + 1e-9) + 1;
}

/** The value of a place in a dimension, 0 to 1; one of its steps if it has any. */
export function valueAt(dimension: Dimension, place: number): number {
  const { low, high, step } = dimension;
  if (step === undefined) return low + place * (high - low);
  const last = valueCount(dimension)! - 1;
  const index = Math.min(last, Math.floor(place * (last + 1)));
  return stepValue(dimension, index);
}

/** The value of a step, without the dust of binary fractions. */
export function stepValue({ low, step }: Dimension, index: number): number {
  return Number((low + index * step!).toPrecision(12));
}
