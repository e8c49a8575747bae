import * as z from "zod";
import { MethodError } from "../fusion_error.ts";

/**
 * A number of a method, or how it varies, as in mergekit:
 * - `0.3`: the same everywhere;
 * - `[0.2, 0.6, 0.3]`: a gradient over depth, interpolated linearly from the
 *   stem to the last LayerNorm;
 * - `{ mnist: 0.5, dwconv: [0, 1], "*": 0.3 }`: by model, or by a piece of the
 *   tensor's name; the first key that fits decides, `*` fits always;
 * - `[{ filter: "dwconv", value: 0.5 }, { value: 0.3 }]`: mergekit's spelling
 *   of the same.
 */
export type NumberParameter =
  | number
  | readonly number[]
  | { readonly [key: string]: NumberParameter }
  | readonly { readonly filter?: string; readonly value: NumberParameter }[];

/** What a {@linkcode numberParameter} may be. */
export interface NumberBounds {
  /** Smallest value allowed. */
  minimum?: number;
  /** Largest value allowed. */
  maximum?: number;
  /** Whether it may differ by model. @default {true} */
  perModel?: boolean;
  /** Whether it may differ by tensor and depth. @default {true} */
  perTensor?: boolean;
}

/** The schemas that {@linkcode numberParameter} made, with what they may be. */
const made = new WeakMap<object, NumberBounds>();

/**
 * What a number of a method may be; undefined for other schemas.
 *
 * @param schema A schema of a method's parameter, defaults and the like around
 * it taken off.
 */
export function numberBounds(schema: z.ZodType): NumberBounds | undefined {
  return made.get(schema);
}

/** Schema of a number that may vary by model, tensor and depth. */
export function numberParameter(
  bounds: NumberBounds = {},
): z.ZodType<NumberParameter> {
  let number = z.number();
  if (bounds.minimum !== undefined) number = number.min(bounds.minimum);
  if (bounds.maximum !== undefined) number = number.max(bounds.maximum);
  const schema: z.ZodType<NumberParameter> = z.lazy(() =>
    z.union([
      number,
      z.array(number).min(1),
      z.array(z.strictObject({ filter: z.string().optional(), value: schema }))
        .min(1) as unknown as z.ZodType<NumberParameter>,
      z.record(z.string(), schema),
    ])
  );
  made.set(schema, bounds);
  return schema;
}

/** Where a {@linkcode NumberParameter} is asked for its value. */
export interface NumberContext {
  /** The tensor's name. */
  tensor: string;
  /** The tensor's place from the stem (0) to the last LayerNorm (1). */
  depth: number;
  /** The model, where the number may differ by model. */
  model?: string | undefined;
}

/**
 * A parameter's value for one tensor of one model.
 * @throws {MethodError} If no key of it fits.
 */
export function resolveNumber(
  parameter: NumberParameter,
  context: NumberContext,
): number {
  if (typeof parameter === "number") return parameter;
  if (!Array.isArray(parameter)) {
    const chosen = Object.entries(parameter).find(([key]) =>
      key === "*" || key === context.model || context.tensor.includes(key)
    );
    if (chosen) return resolveNumber(chosen[1], context);
    throw noFit(parameter, context);
  }
  if (typeof parameter[0] === "number") {
    return interpolate(parameter as number[], context.depth);
  }
  const conditions = parameter as { filter?: string; value: NumberParameter }[];
  const chosen = conditions.find(({ filter }) =>
    filter === undefined || filter === "*" || filter === context.model ||
    context.tensor.includes(filter)
  );
  if (chosen) return resolveNumber(chosen.value, context);
  throw noFit(parameter, context);
}

function noFit(
  parameter: NumberParameter,
  context: NumberContext,
): MethodError {
  return new MethodError(
    `tensor ${context.tensor}${
      context.model === undefined ? "" : ` of model ${context.model}`
    }: nothing in ${
      JSON.stringify(parameter)
    } fits it, expected a key * for the rest`,
  );
}

/** Linear interpolation over evenly spaced anchors. */
function interpolate(anchors: readonly number[], depth: number): number {
  const position = depth * (anchors.length - 1);
  const below = Math.min(Math.floor(position), anchors.length - 1);
  const above = Math.min(below + 1, anchors.length - 1);
  const share = position - below;
  return anchors[below]! * (1 - share) + anchors[above]! * share;
}

/**
 * Each tensor's depth: blocks are spread evenly over 0 to 1 in the order in
 * which they compute; a downsampling layer has the depth of the block after
 * it, the stem 0, the last LayerNorm 1.
 */
export function tensorDepths(names: Iterable<string>): Map<string, number> {
  const all = [...names];
  const place = (name: string): [stage: number, layer: number] | undefined => {
    const match = /stages\.(\d+)\.(?:layers\.(\d+))?/.exec(name);
    return match ? [Number(match[1]), Number(match[2] ?? 0)] : undefined;
  };
  const blocks = [
    ...new Set(
      all.map((name) => place(name)?.join(".")).filter((key) =>
        key !== undefined
      ),
    ),
  ].sort((a, b) => {
    const [stageA, layerA] = a.split(".").map(Number) as [number, number];
    const [stageB, layerB] = b.split(".").map(Number) as [number, number];
    return stageA - stageB || layerA - layerB;
  });
  const index = new Map(blocks.map((key, i) => [key, i]));
  return new Map(all.map((name) => {
    const block = place(name);
    if (block) {
      return [
        name,
        index.get(block.join("."))! / Math.max(blocks.length - 1, 1),
      ];
    }
    return [name, name.includes("embeddings") ? 0 : 1];
  }));
}
