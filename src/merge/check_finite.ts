import { MethodError } from "../fusion_error.ts";

/** What a merge says besides. */
export const NONFINITE_HINT = " (allow_nonfinite=true merges all the same)";

/** Where values come from. */
export interface ValuesOrigin {
  /** The state dict's `source`. */
  readonly source: string;
  /** The tensor's name. */
  readonly tensor: string;
  /** Index of the first value in the flattened tensor. */
  readonly begin: number;
}

/**
 * Refuses NaN and infinity.
 *
 * @param hint What to do about it, for the end of the message.
 * @throws {MethodError} Names source, tensor and element.
 */
export function checkFinite(
  values: Float32Array,
  { source, tensor, begin }: ValuesOrigin,
  hint: string = "",
): void {
  if (isFinite(values)) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new MethodError(
    `${source}: tensor ${tensor} holds ${values[at]} at element ${
      begin + at
    }, expected finite numbers${hint}`,
  );
}

/**
 * Whether all numbers are finite: 0 * x is 0 then, and NaN otherwise. Four sums
 * that do not wait for each other are several times faster than one, or than a
 * branch for each number.
 */
export function isFinite(data: Float32Array): boolean {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = data.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += 0 * data[i]!;
    b += 0 * data[i + 1]!;
    c += 0 * data[i + 2]!;
    d += 0 * data[i + 3]!;
  }
  for (let i = whole; i < data.length; i++) a += 0 * data[i]!;
  return a + b + c + d === 0;
}
