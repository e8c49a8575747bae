import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { presetIndex } from "../../src/config/mod.ts";
import { MethodError } from "../../src/fusion_error.ts";
import { numbersOf, type NumberValue } from "../../src/merge/mod.ts";
import { importMethod } from "../../src/method/mod.ts";
import { mergeTiny, type TinyPool } from "../merge_case.ts";

// Wherever a method has a number, one per model, per layer or a gradient over
// depth does what it says, and keys that fit nothing are refused. Every method
// is found by its preset: a new one is tested without being listed here.

const FIRST = "encoder.stages.0.layers.0.pwconv1.weight"; // at depth 0
const LAST = "encoder.stages.0.layers.1.pwconv1.weight"; // at depth 1
const POOL: Required<Pick<TinyPool, "pretrained" | "models" | "shapes">> = {
  pretrained: {
    "embeddings.patch_embeddings.bias": [1, 2, 3],
    [FIRST]: [1, 2, 0, -1, 1, 3, 0, 1, 2],
    [LAST]: [2, 1, 1, 0, -2, 1, 1, 0, 1],
    "layernorm.bias": [0, 1],
  },
  models: {
    mnist: {
      "embeddings.patch_embeddings.bias": [2, 2.5, 3],
      [FIRST]: [2, 0, 3, 0.5, 1, 3, 0, 2, 2.5],
      [LAST]: [0.5, 2, 3, 1, -2, 1, 2, 0, 1.7],
      "layernorm.bias": [1, 1],
    },
    emoji: {
      "embeddings.patch_embeddings.bias": [1, 3, 3.5],
      [FIRST]: [1, 2, 1, -3, 0, 3.7, 1, 1, 0.5],
      [LAST]: [2, 1, 1.8, 2, 1, 0.5, 0, 2, 1],
      "layernorm.bias": [0.5, 2],
    },
  },
  shapes: { [FIRST]: [3, 3], [LAST]: [3, 3] },
};

interface Case {
  /** Two values that give different merges. */
  values?: [number, number];
  /** Other parameters that this needs. */
  beside?: Record<string, unknown>;
  /** One tensor's number changes others through a norm or a threshold. */
  isGlobal?: boolean;
  /** Only the models' numbers beside each other count. */
  isRelative?: boolean;
  /** The merged model does not depend on it, only the tasks' masks do. */
  isOfMasks?: boolean;
  /** A merge takes a second: only keys and ranges are checked. */
  isSlow?: boolean;
}

/** What the numbers of some methods need; all others take 0.3 and 0.6. */
const CASES: Record<string, Case> = {
  "dop/dop alpha": {
    beside: { mgda: false, shuffle_order: false, lr: 0.01, num_steps: 9 },
  },
  "dop/dop svd_epsilon": {
    values: [0.3, 0.95],
    beside: { lr: 0.01, num_steps: 9 },
  },
  "dare/ties_merging sparsity_ratio": { isGlobal: true },
  "doge_ta/doge_ta subspace": { values: [1, 2], isSlow: true },
  "doge_ta/doge_ta K": { values: [20, 70], isSlow: true },
  "doge_ta/doge_ta lamda": { isSlow: true },
  "isotropic_merging/iso_cts common_space_fraction": { values: [0.4, 1] },
  "mergekit/breadcrumbs density": { values: [0.4, 0.9] },
  "mergekit/breadcrumbs gamma": {
    values: [0, 0.4],
    beside: { density: 0.5 },
  },
  "mergekit/della weight": { isRelative: true },
  "mergekit/della epsilon": { values: [0.05, 0.4], beside: { density: 0.5 } },
  "mergekit/multislerp weight": { isRelative: true },
  "mergekit/nuslerp weight": { isRelative: true },
  "mergekit/ram epsilon": { values: [0.4, 1.5] },
  "mergekit/ramplus_tl alpha": { values: [0.05, 0.2] },
  "mergekit/ramplus_tl epsilon": { values: [0.4, 1.5] },
  "opcm/opcm alpha": {
    values: [0.2, 0.99],
    beside: { shuffle_order: false },
    isGlobal: true,
  },
  "opcm/ties_merging scaling_factor": { isGlobal: true },
  "opcm/ties_merging threshold": { beside: { shuffle_order: false } },
  "randes/superposed_task_arithmetic scaling_factor": {
    beside: { task: "emoji" },
  },
  "singular_value_calibration/iso_cts base_method.common_space_fraction": {
    values: [0.4, 1],
  },
  "singular_value_calibration/dare_task_arithmetic base_method.sparsity_ratio":
    { beside: { alpha: 3 } },
  "smile_upscaling/singular_projection_merging k": { values: [1, 2] },
  "tall_mask/consensus scaling_factor": { beside: { prun_thre_k: 1 } },
  "tall_mask/task_arithmetic tall_mask_lambda": { isOfMasks: true },
  "tall_mask/consensus prun_thre_k": { values: [1, 2] },
  "tall_mask/consensus tall_mask_lambda": { values: [0.3, 2] },
  "task_singular_vector/TaskSingularVectorCompression sv_reduction": {
    values: [0.5, 1],
    beside: { task: "emoji" },
  },
};

function caseOf(method: string, path: string): Case {
  const alias = method
    .replace(/_general$/, "")
    .replace(/(breadcrumbs)_ties$|(della)_linear$/, "$1$2");
  const found = CASES[`${alias} ${path}`];
  if (found) return found;
  if (path === "alpha" && method.startsWith("singular_value_calibration/")) {
    return { values: [2, 5] };
  }
  return path.endsWith("threshold") ? { values: [20, 70] } : {};
}

/** `{ a: { b: value } }` for a path `a.b`. */
function nested(path: string, value: unknown): Record<string, unknown> {
  return path.split(".").reduceRight<unknown>(
    (inner, key) => ({ [key]: inner }),
    value,
  ) as Record<string, unknown>;
}

const { method: methods } = await presetIndex();
for (const name of methods.filter((name) => !/^classification/.test(name))) {
  const { method } = await importMethod(name);
  if (method.ensemble) continue;
  for (const number of numbersOf(method.parameters, {})) {
    Deno.test(`${name}: ${number.path} by model, tensor and depth`, async () => {
      await checkNumber(name, number, method.maximumModels ?? 2);
    });
  }
}

async function checkNumber(
  name: string,
  { path, bounds }: NumberValue,
  most: number,
): Promise<void> {
  const { perModel = true, perTensor = true, minimum, maximum } = bounds;
  const {
    values: [v1, v2] = [0.3, 0.6],
    beside,
    isGlobal = false,
    isRelative = false,
    isOfMasks = false,
    isSlow = false,
  } = caseOf(name, path);
  const { mnist, emoji } = POOL.models;
  const pool = {
    ...POOL,
    models: most === 1 ? { emoji: emoji! } : { mnist: mnist!, emoji: emoji! },
  };
  const merge = (value: unknown) =>
    mergeTiny(name, { ...beside, ...nested(path, value) }, pool);
  const refused = async (value: unknown, ...words: string[]) => {
    const { message } = await assertRejects(() => merge(value), MethodError);
    for (const word of [path, ...words]) assertStringIncludes(message, word);
  };

  await refused({ emojj: v1, "*": v2 }, "emojj", "did you mean emoji?");
  await refused([{ filter: "emojj", value: v1 }, { value: v2 }], "emojj");
  if (minimum !== undefined) await refused(minimum - 0.01);
  if (maximum !== undefined) await refused(maximum + 0.01);
  await refused("much");

  if (!perTensor) {
    await refused({ "layers.0": v1, "*": v2 }, "layers.0", "whole model");
    await refused([v1, v2], "whole model");
  }
  if (!perModel) {
    await refused({ emoji: v1, "*": v2 }, "emoji", "one for all models");
  }
  if (isSlow) return;

  const all = <T>(value: T) => isRelative ? { mnist: 0.5, "*": value } : value;
  const one = await merge(all(v1));
  const two = await merge(all(v2));
  assert(differ(one, two) || isOfMasks, "the two values give the same");

  if (perTensor) {
    for (
      const value of [{ "layers.0": v1, "*": v2 }, [v1, v2]].map((value) =>
        isRelative ? all(value) : { "*": value }
      )
    ) {
      const mixed = await merge(value);
      if (isGlobal) {
        assert(differ(mixed, one) && differ(mixed, two));
      } else {
        assert(!differ(mixed, one, FIRST), `${mixed[FIRST]} ${one[FIRST]}`);
        assert(!differ(mixed, two, LAST), `${mixed[LAST]} ${two[LAST]}`);
      }
    }
  }
  if (perModel) {
    const mixed = await merge({ emoji: v1, "*": v2 });
    if (most === 1) return assert(!differ(mixed, one));
    assert(
      differ(mixed, await merge(v2)) || isOfMasks,
      "one model's number has no effect",
    );
    assert(!differ(await merge({ mnist: v1, emoji: v1 }), await merge(v1)));
  }
}

/** Whether two merges differ, in one tensor or in any. */
function differ(
  a: Record<string, number[]>,
  b: Record<string, number[]>,
  tensor?: string,
): boolean {
  const names = tensor === undefined ? Object.keys(a) : [tensor];
  return names.some((name) =>
    a[name]!.some((value, i) => Math.abs(value - b[name]![i]!) > 1e-6)
  );
}
