import { join } from "@std/path";
import { errorCode } from "../reason.ts";

/** What this project writes into a model's folder; all else is the user's. */
const OWN_FILES = [
  /^(?:config|merge|model|ensemble|preprocessor_config|huggingface_config|timm_config)\.json$/,
  /^(?:pytorch_)?model(?:-\d+-of-\d+)?\.(?:safetensors|bin)(?:\.index\.json)?$/,
  /^(?:weights|group\d+-shard\d+of\d+)\.bin$/,
  /^README\.md$/,
  /\.partial$/, // of a process that was killed
];

/** Folders in it, with the same files in a folder for each task. */
const OWN_FOLDERS = ["heads", "masks", "members", "routers", "surgery"];

/** What is in a model's folder that this project does not write there. */
export interface ForeignFiles {
  /** Names of files and folders beside the model's own: a report, notes. */
  readonly beside: readonly string[];
  /** Path of one among the files of a task, if there is one. */
  readonly within: string | undefined;
}

/** Finds what is not this project's in a model's folder. */
export function foreignFiles(folder: string): ForeignFiles {
  const beside: string[] = [];
  let within: string | undefined;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (OWN_FOLDERS.includes(name)) {
      const inner = isDirectory ? foreignWithin(join(folder, name)) : "";
      if (inner !== undefined) within = inner ? `${name}/${inner}` : name;
    } else if (isDirectory || !isOwnFile(name)) beside.push(name);
  }
  return { beside: beside.sort(), within };
}

function foreignWithin(folder: string): string | undefined {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) {
      const found = foreignWithin(join(folder, name));
      if (found !== undefined) return `${name}/${found}`;
      // A task's masks are named by the task.
    } else if (!isOwnFile(name) && !name.endsWith(".safetensors")) return name;
  }
  return undefined;
}

function isOwnFile(name: string): boolean {
  return OWN_FILES.some((own) => own.test(name));
}

/**
 * Whether this project wrote the model in a folder, as its card or `merge.json`
 * tells: then a `README.md` or `config.json` there is the model's, not that of
 * a project of the user's which happens to have one.
 */
export function isOwnModel(folder: string): boolean {
  return /^ *- "?convnext-fusion"?$/m.test(textOf(folder, "README.md")) ||
    textOf(folder, "merge.json").includes('"@convnext/fusion":');
}

function textOf(folder: string, name: string): string {
  try {
    return Deno.readTextFileSync(join(folder, name));
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return "";
  }
}
