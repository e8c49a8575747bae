import * as z from "zod";
import { ConfigError } from "../fusion_error.ts";
import { adam, type AdamOptions } from "./adam.ts";
import { sgd, type SgdOptions } from "./sgd.ts";
import type { UpdateRule } from "./update_rule.ts";

/** An optimiser by name, with PyTorch's options. */
export type OptimizerConfig =
  & {
    /** Which one. */
    name: "sgd" | "adam" | "adamw";
    /** Length of a step. @default {0.001} */
    lr?: number | undefined;
  }
  & SgdOptions
  & AdamOptions;

const share = z.number().min(0).lt(1);
const common = {
  lr: z.number().positive().default(1e-3),
  weight_decay: z.number().nonnegative().optional(),
};
const adamSchema = {
  ...common,
  betas: z.tuple([share, share]).optional(),
  eps: z.number().positive().optional(),
};
const SCHEMAS = {
  sgd: z.strictObject({
    name: z.literal("sgd"),
    ...common,
    momentum: z.number().nonnegative().optional(),
    dampening: z.number().optional(),
    nesterov: z.boolean().optional(),
  }),
  adam: z.strictObject({ name: z.literal("adam"), ...adamSchema }),
  adamw: z.strictObject({ name: z.literal("adamw"), ...adamSchema }),
};

/** Arguments of PyTorch's that say how, not what, is computed. */
const IGNORED = ["_target_", "_partial_", "foreach", "fused", "capturable"];

/**
 * Checks an optimiser: `{name: adamw, lr: 0.001}`, or FusionBench's
 * `{_target_: torch.optim.AdamW, lr: 0.001}`.
 *
 * @param config What was found.
 * @param where What messages call it. @default {"optimizer"}
 * @throws {ConfigError} If it is unknown, or an option is wrong; names it.
 */
export function parseOptimizer(
  config: Readonly<Record<string, unknown>>,
  where: string = "optimizer",
): OptimizerConfig & { lr: number } {
  const given = String(config["name"] ?? config["_target_"]);
  const name = given.slice(given.lastIndexOf(".") + 1).toLowerCase();
  if (!Object.hasOwn(SCHEMAS, name)) {
    throw new ConfigError(
      `${where}: found ${given}, expected sgd, adam or adamw`,
    );
  }
  const options = Object.fromEntries(
    Object.entries(config).filter(([key, value]) =>
      value !== null && !IGNORED.includes(key)
    ),
  );
  const schema = SCHEMAS[name as keyof typeof SCHEMAS];
  const result = schema.safeParse({ ...options, name });
  if (!result.success) throw wrong(result.error, options, where);
  const checked = result.data as OptimizerConfig & { lr: number };
  if (
    checked.nesterov && (!checked.momentum || (checked.dampening ?? 0) !== 0)
  ) {
    throw new ConfigError(
      `${where}.nesterov: found true, expected momentum above 0 and no dampening with it`,
    );
  }
  return checked;
}

/** The arithmetic of an optimiser. */
export function updateRule(
  { name, ...options }: OptimizerConfig,
): UpdateRule {
  return name === "sgd" ? sgd(options) : adam(options, name === "adamw");
}

/** One line for the first thing that is wrong in an object. */
export function wrong(
  error: z.ZodError,
  found: Readonly<Record<string, unknown>>,
  where: string,
): ConfigError {
  const issue = error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    return new ConfigError(
      `${where}.${issue.keys[0]}: there is no such key with this ${where}`,
    );
  }
  const key = String(issue.path[0] ?? "");
  return new ConfigError(
    `${where}${key === "" ? "" : `.${key}`}: found ${
      JSON.stringify(found[key])
    }, ${issue.message.replace(/^Invalid input: /, "")}`,
  );
}
