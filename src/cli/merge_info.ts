import { dirname, join } from "@std/path";
import * as z from "zod";
import { sha256File } from "../checkpoint/mod.ts";
import { composeConfig } from "../config/mod.ts";
import { CheckpointError, ConfigError } from "../fusion_error.ts";
import { readJson } from "../read_json.ts";
import { errorCode } from "../reason.ts";

/** A path that a system takes, and a file's name that leads nowhere else. */
const path = z.string().regex(/^[^\0]{1,4096}$/, "expected a path");
const fileName = z.string().regex(/^(?!\.\.?$)[^\0/\\]{1,255}$/, {
  message: "expected the name of a file",
});

const schema = z.looseObject({
  method: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  fusion_targets: z.array(z.string()).default([]),
  task_masks: z.string().optional(),
  models: z.record(
    z.string(),
    z.looseObject({
      path: path.nullable(),
      sha256: z.record(fileName, z.string()).default({}),
    }),
  ),
  versions: z.record(z.string(), z.string()).default({}),
});

type MergeInfo = z.infer<typeof schema>;

/** Whether a source is still what was merged. */
interface SourceStatus {
  status: "unchanged" | "changed" | "missing" | "not recorded";
  /** What is wrong with it, file by file. */
  problems: string[];
}

/** `fusion merge-info DIR [--json]` */
export async function mergeInfo(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  const { positional } = await composeConfig(words, z.strictObject({}));
  const [folder, ...more] = positional;
  if (folder === undefined || more.length > 0) {
    throw new ConfigError(
      `merge-info: ${positional.length} paths given, expected one: a merged model's folder`,
    );
  }
  const file = join(folder, "merge.json");
  const info = await readMergeInfo(file);
  const sources: Record<string, SourceStatus> = {};
  for (const [name, source] of Object.entries(info.models)) {
    sources[name] = await checkSource(source);
  }
  console.log(
    json
      ? JSON.stringify({ ...info, sources }, null, 2)
      : describe(folder, info, sources),
  );
  const problems = Object.entries(sources).flatMap(([name, { problems }]) =>
    problems.map((problem) => `${name}: ${problem}`)
  );
  if (problems.length > 0) {
    throw new CheckpointError(
      `${file}: sources are not what was merged: ${problems.join("; ")}`,
    );
  }
}

async function readMergeInfo(path: string): Promise<MergeInfo> {
  const found = await readJson(path, ConfigError);
  if (!found) {
    throw new ConfigError(
      `${path}: not found, expected the folder of a model that was merged with merged_model_save_path`,
    );
  }
  const result = schema.safeParse(found.json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ConfigError(
    `${path}: ${issue?.path.join(".") || "the whole file"}: ${issue?.message}`,
  );
}

async function checkSource(
  { path, sha256 }: MergeInfo["models"][string],
): Promise<SourceStatus> {
  if (path === null || Object.keys(sha256).length === 0) {
    return { status: "not recorded", problems: [] };
  }
  const problems: string[] = [];
  let missing = false;
  for (const [name, recorded] of Object.entries(sha256)) {
    const file = await fileOf(path, name);
    if (file === undefined) {
      missing = true;
      problems.push(`${join(path, name)} is missing`);
      continue;
    }
    const found = await sha256File(file);
    if (found !== recorded) {
      problems.push(
        `${file} has SHA-256 ${found.slice(0, 12)}…, expected ${
          recorded.slice(0, 12)
        }…`,
      );
    }
  }
  return {
    status: missing ? "missing" : problems.length > 0 ? "changed" : "unchanged",
    problems,
  };
}

/** A file of a source, which is a folder or itself a file; undefined if gone. */
async function fileOf(
  path: string,
  name: string,
): Promise<string | undefined> {
  for (const file of [join(path, name), join(dirname(path), name)]) {
    try {
      // A folder beside a vanished source may hold a file of the same name.
      const isSource = file === join(path, name) ||
        (await Deno.stat(path)).isFile;
      if (isSource && (await Deno.stat(file)).isFile) return file;
    } catch (error) {
      // Whatever is in the way: the file is not to be had.
      if (
        error instanceof Deno.errors.NotCapable ||
        errorCode(error) === undefined
      ) throw error;
    }
  }
  return undefined;
}

function describe(
  folder: string,
  info: MergeInfo,
  sources: Record<string, SourceStatus>,
): string {
  const parameters = Object.entries(info.parameters).map(([key, value]) =>
    `${key} ${JSON.stringify(value)}`
  );
  const versions = Object.entries(info.versions).map(([name, version]) =>
    `${name} ${version}`
  );
  const lines = [
    `${folder} was made by ${info.method}${
      parameters.length === 0 ? "" : `, ${parameters.join(", ")}`
    }`,
    ...(info.fusion_targets.length === 0
      ? []
      : [`fusion targets: ${info.fusion_targets.join(", ")}`]),
    ...(info.task_masks === undefined
      ? []
      : [`task masks: ${info.task_masks}`]),
    "sources:",
    ...Object.entries(info.models).map(([name, { path }]) =>
      `  ${name}: ${path ?? "a loaded model"} (${sources[name]!.status})`
    ),
    ...(versions.length === 0 ? [] : [`made with ${versions.join(", ")}`]),
  ];
  // What the file says is text: it begins no line and controls no terminal.
  return lines.map((line) => line.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " "))
    .join("\n");
}
