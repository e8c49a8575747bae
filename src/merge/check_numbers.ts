import type * as z from "zod";
import { MethodError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import type { BoundMethod } from "./method.ts";
import {
  type NumberBounds,
  numberBounds,
  type NumberParameter,
} from "./number_parameter.ts";

/** A number among a method's parameters. */
export interface NumberValue {
  /** Its path, such as `base_method.scaling_factor`. */
  readonly path: string;
  /** What it may be. */
  readonly bounds: NumberBounds;
  /** What it is; undefined where the method is not told. */
  readonly value: NumberParameter | null | undefined;
}

/**
 * Checks the keys of a method's numbers: a mistyped one would be passed over
 * where there is a `*`, and one by model where the number is one for all.
 *
 * @param tensors Names of the fusion targets' tensors.
 * @throws {MethodError} Names the key, and the nearest right one.
 */
export function checkNumbers(
  { name, method, parameters }: BoundMethod,
  models: readonly string[],
  tensors: readonly string[],
): void {
  for (
    const { path, bounds, value } of numbersOf(method.parameters, parameters)
  ) {
    if (value === null || value === undefined) continue;
    const reason = misfit(value, bounds, models, tensors);
    if (reason !== undefined) {
      throw new MethodError(`method ${name}: ${path}: ${reason}`);
    }
  }
}

/** What is wrong with a number's keys. */
function misfit(
  number: NumberParameter,
  bounds: NumberBounds,
  models: readonly string[],
  tensors: readonly string[],
): string | undefined {
  const { perModel = true, perTensor = true } = bounds;
  if (typeof number === "number") return undefined;
  if (isGradient(number)) {
    return perTensor
      ? undefined
      : `found [${number}], but it counts over a whole model, expected one number${
        perModel ? " or one by model" : ""
      }`;
  }
  for (const [key, inner] of branches(number)) {
    const isModel = models.includes(key);
    const isTensor = tensors.some((tensor) => tensor.includes(key));
    if (key === "*") {
      // Fits always.
    } else if (!isModel && !isTensor) {
      const found = nearest(key, [...models, ...wordsOf(tensors)]);
      return `${key} is neither a model nor in the name of a tensor, ${
        found === undefined
          ? `expected one of ${
            models.join(", ")
          }, part of a tensor's name, or *`
          : `did you mean ${found}?`
      }`;
    } else if (isModel && !isTensor && !perModel) {
      return `${key} is a model, but the number is one for all models`;
    } else if (isTensor && !isModel && !perTensor) {
      return `${key} is in the name of a tensor, but the number counts over a whole model`;
    }
    const reason = misfit(inner, bounds, models, tensors);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/**
 * The numbers among a method's parameters, those of a wrapped method too.
 *
 * @param schema Of the parameters.
 * @param values The parameters, validated.
 */
export function numbersOf(
  schema: z.ZodType,
  values: unknown,
  path: string = "",
): NumberValue[] {
  const bounds = numberBounds(schema);
  if (bounds) return [{ path, bounds, value: values as NumberParameter }];
  // Zod's classes by what is read of them.
  const { innerType, out, shape, element } = schema.def as {
    innerType?: z.ZodType;
    out?: z.ZodType;
    shape?: Record<string, z.ZodType>;
    element?: z.ZodType;
  };
  const wrapped = innerType ?? out;
  if (wrapped) return numbersOf(wrapped, values, path);
  if (element) {
    return ((values ?? []) as unknown[]).flatMap((value, i) =>
      numbersOf(element, value, `${path}.${i}`)
    );
  }
  return Object.entries(shape ?? {}).flatMap(([key, inner]) =>
    numbersOf(
      inner,
      (values as Record<string, unknown> | undefined)?.[key],
      path === "" ? key : `${path}.${key}`,
    )
  );
}

function isGradient(
  number: NumberParameter,
): number is readonly number[] {
  return Array.isArray(number) && typeof number[0] === "number";
}

/** Each key, or mergekit's filter, with its value. */
function branches(
  number: NumberParameter,
): [key: string, value: NumberParameter][] {
  return Array.isArray(number)
    ? (number as { filter?: string; value: NumberParameter }[])
      .map(({ filter, value }) => [filter ?? "*", value])
    : Object.entries(number as Record<string, NumberParameter>);
}

/** What a user would write of tensors' names: their parts between dots. */
function wordsOf(tensors: readonly string[]): string[] {
  return [...new Set(tensors.flatMap((tensor) => tensor.split(".")))]
    .filter((word) => !/^\d+$/.test(word));
}
