import { join } from "@std/path";

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

/**
 * A file in a model's folder that this project does not write, and that would
 * be lost if the folder were replaced.
 *
 * @returns Its path within the folder, or what it is; undefined if there is
 * none.
 */
export function foreignFile(folder: string): string | undefined {
  return findForeign(folder, false);
}

function findForeign(folder: string, isInner: boolean): string | undefined {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (!isDirectory) {
      // A task's masks are named by the task.
      const isOwn = OWN_FILES.some((own) => own.test(name)) ||
        isInner && name.endsWith(".safetensors");
      if (!isOwn) return name;
    } else if (!isInner && !OWN_FOLDERS.includes(name)) {
      return `the folder ${name}`;
    } else {
      const found = findForeign(join(folder, name), true);
      if (found !== undefined) return `${name}/${found}`;
    }
  }
  return undefined;
}
