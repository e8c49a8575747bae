import type * as z from "zod";
import { MethodError } from "../fusion_error.ts";
import type { BoundMethod, MergeMethod } from "../merge/mod.ts";

/**
 * Loads an algorithm by the path of its preset: `config/method/PATH.yaml` and
 * `src/method/PATH.ts` belong together, and nothing else lists them.
 *
 * @param path Such as `linear/weighted_average`.
 * @returns The algorithm, and the URL of its module.
 * @throws {MethodError} If there is no such algorithm.
 */
export async function importMethod(
  path: string,
): Promise<
  { method: MergeMethod<Readonly<Record<string, unknown>>>; module: string }
> {
  if (!/^[\w-]+(\/[\w-]+)*$/.test(path)) throw unknownMethod(path);
  const module = new URL(`./${path}.ts`, import.meta.url).href;
  let exported: { default?: MergeMethod<Readonly<Record<string, unknown>>> };
  try {
    exported = await import(module);
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_MODULE_NOT_FOUND") {
      throw unknownMethod(path);
    }
    throw error;
  }
  if (!exported.default) throw unknownMethod(path);
  return { method: exported.default, module };
}

function unknownMethod(path: string): MethodError {
  if (path.startsWith("classification/")) {
    return new MethodError(
      `method ${path}: trains one model and merges none, expected \`fusion finetune\``,
    );
  }
  return new MethodError(
    `method ${path}: not found, \`fusion list\` prints all methods`,
  );
}

/**
 * Loads a method with its parameters, ready for `mergeModels`.
 *
 * @param path Such as `task_arithmetic` or `linear/weighted_average`.
 * @param parameters As in its preset; those left out have FusionBench's defaults.
 * @throws {MethodError} If there is no such method, or a parameter is wrong:
 * the message names it.
 */
export async function loadMethod(
  path: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<BoundMethod> {
  const { method, module } = await importMethod(path);
  const result = method.parameters.safeParse(parameters);
  if (!result.success) {
    throw new MethodError(
      `method ${path}: ${describeIssue(result.error.issues[0], parameters)}`,
    );
  }
  return { name: path, parameters: result.data, method, module };
}

function describeIssue(
  issue: z.core.$ZodIssue | undefined,
  parameters: Readonly<Record<string, unknown>>,
): string {
  if (issue?.code === "unrecognized_keys") {
    return `no parameter ${issue.keys.join(", ")}`;
  }
  const path = issue?.path ?? [];
  const found = path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)?.[key],
    parameters,
  );
  return `${path.join(".")} is ${JSON.stringify(found)}: ${issue?.message}`;
}
