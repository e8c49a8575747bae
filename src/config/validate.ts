import type * as z from "zod";
import { ConfigError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import { formatValue } from "./value.ts";

/** Names the file that a key came from, or is that name. */
export type Where = string | ((path: string) => string);

/** What this room asks of a schema: every schema of zod has it. */
export interface Schema<Output> {
  /** Validates a value without throwing. */
  safeParse(value: unknown): SchemaResult<Output>;
}

/** The result of {@linkcode Schema.safeParse}. */
export interface SchemaResult<Output> {
  /** Whether the value fits. */
  success: boolean;
  /** The value, with defaults filled in. */
  data?: Output | undefined;
  /** What is wrong. */
  error?: unknown;
}

/** Keys of FusionBench's YAML that change nothing here. */
const HOUSEKEEPING = new Set([
  "_target_",
  "_recursive_",
  "_usage_",
  "_version_",
  "_convert_",
  "_partial_",
  "device",
  "fast_dev_run",
  "inplace",
  "num_workers",
  "show_pbar",
  "verbose",
]);

/**
 * Validates a method's parameters. FusionBench's housekeeping keys
 * (`_target_`, `verbose`, `inplace`, …) are dropped where the schema does not
 * have them.
 *
 * @param schema The method's `parameters`.
 * @param values What preset, file and command line say.
 * @param where Names the file that a parameter came from.
 * @param prefix The parameters' path in the whole config, such as `method`.
 * @throws {ConfigError} One line with file, key, what was found and expected.
 */
export function validateParameters<Parameters>(
  schema: Schema<Parameters>,
  values: Readonly<Record<string, unknown>>,
  where: Where,
  prefix: string = "",
): Parameters {
  const known = new Set(keysOf(schema, []));
  const own = Object.fromEntries(
    Object.entries(values).filter(([key]) =>
      known.has(key) || !HOUSEKEEPING.has(key)
    ),
  );
  return validate(schema, own, where, prefix);
}

/**
 * Validates a value against a zod schema.
 *
 * @param schema What is expected.
 * @param value What was found.
 * @param where Names the file that a key came from.
 * @param prefix The path of the value in the whole config, such as `method`.
 * @throws {ConfigError} One line for the first thing that is wrong.
 */
export function validate<Output>(
  schema: Schema<Output>,
  value: unknown,
  where: Where,
  prefix: string = "",
): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data!;
  const { issues } = result.error as z.ZodError;
  const issue = clearest(mostHelpful(issues));
  const path = issue.path.map(String);
  const full = (parts: readonly string[]): string =>
    [prefix, ...parts].filter(Boolean).join(".");
  const file = (key: string): string =>
    typeof where === "string" ? where : where(key);
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const known = keysOf(schema, path).filter((name) => !name.startsWith("_"));
    const found = nearest(key, known);
    const at = full([...path, key]);
    throw new ConfigError(
      `${file(at)}: ${at}: there is no such key, ${
        found === undefined
          ? `expected ${oneOf(known) || "none"}`
          : `did you mean ${full([...path, found])}?`
      }`,
    );
  }
  const found = path.reduce<unknown>(
    (inner, key) => (inner as Record<string, unknown> | undefined)?.[key],
    value,
  );
  const at = full(path);
  throw new ConfigError(
    `${file(at)}: ${at === "" ? "" : `${at}: `}${
      found === undefined ? "missing" : `found ${shown(found)}`
    }, expected ${expectation(issue)}`,
  );
}

type Issue = z.core.$ZodIssue;

/** A mistyped key explains why the right one is missing. */
function mostHelpful(issues: readonly Issue[]): Issue {
  return issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!;
}

/** Of a union's issues, those of the alternative that was most likely meant. */
function clearest(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const meant = issue.errors.filter(([first]) =>
    first && !(first.path.length === 0 &&
      (first.code === "invalid_type" || first.code === "invalid_value"))
  );
  const inner = meant.length === 1 ? mostHelpful(meant[0]!) : undefined;
  return inner === undefined
    ? issue
    : clearest({ ...inner, path: [...issue.path, ...inner.path] } as Issue);
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeName(issue.expected);
    case "invalid_value":
      return oneOf(issue.values.map(String));
    case "too_small":
      return issue.origin === "string" && Number(issue.minimum) === 1
        ? "text that is not empty"
        : `${sized(issue.origin)} ${
          issue.inclusive ? "of at least" : "above"
        } ${issue.minimum}`;
    case "too_big":
      return `${sized(issue.origin)} ${
        issue.inclusive ? "of at most" : "below"
      } ${issue.maximum}`;
    case "invalid_union":
      return [
        ...new Set(
          issue.errors.map(([first]) => first ? expectation(first) : "")
            .filter(Boolean),
        ),
      ].join(" or ") || issue.message;
    default:
      return issue.message.replace(/^Invalid input: expected /, "");
  }
}

function sized(origin: string): string {
  if (origin === "number" || origin === "int") return "a number";
  return origin === "string" ? "text with a length" : "a list with a length";
}

function typeName(expected: string): string {
  switch (expected) {
    case "int":
      return "a whole number";
    case "array":
      return "a list";
    case "object":
    case "record":
      return "a mapping";
    case "boolean":
      return "true or false";
    case "string":
      return "text";
    case "null":
      return "null";
    default:
      return `a ${expected}`;
  }
}

function oneOf(words: readonly string[]): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function shown(value: unknown): string {
  const text = formatValue(value as Parameters<typeof formatValue>[0]);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

// Zod's classes by what this file reads of them.
interface Definition {
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
  innerType?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
}

function keysOf(schema: Schema<unknown>, path: string[]): string[] {
  return keysAt(schema as z.ZodType, path);
}

/** The keys that a schema knows at a path. */
function keysAt(schema: z.ZodType | undefined, path: string[]): string[] {
  if (!schema) return [];
  const { shape, element, valueType, innerType, in: input, options } = schema
    .def as Definition;
  const wrapped = innerType ?? input;
  if (wrapped) return keysAt(wrapped, path);
  if (options) return options.flatMap((option) => keysAt(option, path));
  const [key, ...rest] = path;
  if (key === undefined) return Object.keys(shape ?? {});
  return keysAt(element ?? valueType ?? shape?.[key], rest);
}
