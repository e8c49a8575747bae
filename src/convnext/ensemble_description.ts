import { join } from "@std/path";
import * as z from "zod";
import { ConfigError } from "../fusion_error.ts";
import { readJson } from "../read_json.ts";
import type { EnsembleRule } from "./ensemble_rule.ts";

/** What a saved ensemble's `ensemble.json` holds. */
export interface EnsembleDescription extends EnsembleRule {
  /** Names of the folders under `members/`, in the order of the weights. */
  readonly members: readonly string[];
}

const schema = z.object({
  combine: z.enum(["mean", "sum", "max"]),
  weights: z.array(z.number()).optional(),
  members: z.array(z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/)).min(1),
}).refine(
  ({ combine, weights, members }) =>
    combine !== "sum" || weights?.length === members.length,
  { path: ["weights"], message: "expected a number for each member" },
);

/**
 * Reads the description of a saved ensemble.
 *
 * @returns Undefined if the folder has no `ensemble.json`.
 * @throws {ConfigError} If it is not JSON, or a field has not its meaning.
 */
export async function readEnsembleDescription(
  folder: string,
): Promise<EnsembleDescription | undefined> {
  const path = join(folder, "ensemble.json");
  const file = await readJson(path, ConfigError);
  if (!file) return undefined;
  const result = schema.safeParse(file.json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ConfigError(
    `${path}: ${issue?.path.join(".") || "the whole file"}: ${issue?.message}`,
  );
}
