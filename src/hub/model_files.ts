import { isSafePath } from "./safe_path.ts";

/** Reads a text file of the repository that is being looked at. */
export type ReadText = (path: string) => Promise<string>;

/** What was chosen of a repository's files. */
export interface FileChoice {
  /** Paths of the files that are wanted. */
  readonly wanted: readonly string[];
  /** What must be there and is not, as the end of a sentence. */
  readonly missing?: string;
  /**
   * A path that would be wanted too if it were there, or `true` if any might:
   * where only part of a repository is known, more may be wanted of it.
   */
  readonly unsure?: string | true;
}

/** Chooses among the paths of a repository's files. */
export type FileChooser = (
  paths: readonly string[],
  read: ReadText,
) => Promise<FileChoice>;

/** Each kind of weights, the best first: a file, or the index of its shards. */
const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

const PROCESSOR = "preprocessor_config.json";

/** Taken where it is there. */
const OPTIONAL =
  /^(preprocessor_config\.json|merge\.json|heads\/[^/]+\/(config\.json|model\.safetensors))$/;

/**
 * Chooses the files that a ConvNeXt needs, of all that model repositories hold:
 * `config.json`, the image processor, one kind of weights (safetensors before
 * `pytorch_model.bin`, with all shards) and a merged model's heads; or those of
 * a TensorFlow.js LayersModel, where it is all there is.
 */
export const modelFiles: FileChooser = async (paths, read) => {
  const has = new Set(paths);
  const optional = paths.filter((path) => OPTIONAL.test(path));
  const hasConfig = has.has("config.json");
  const weights = WEIGHTS.find((path) => has.has(path));
  if (has.has("model.json") && !(hasConfig && weights)) {
    const parts = paths.filter((path) => /^[^/]+\.bin$/.test(path));
    return {
      wanted: [
        ...(hasConfig ? ["config.json"] : []),
        "model.json",
        ...parts,
        ...optional,
      ],
      unsure: true,
    };
  }
  if (!hasConfig) return { wanted: [], missing: "config.json" };
  if (weights === undefined) {
    return { wanted: [], missing: WEIGHTS.join(" or ") };
  }
  const shards = weights.endsWith(".index.json")
    ? shardsOf(await read(weights))
    : [];
  const lost = shards.find((path) => !has.has(path));
  const unsure = has.has(PROCESSOR) ? undefined : PROCESSOR;
  return {
    wanted: ["config.json", weights, ...shards, ...optional],
    ...(lost === undefined
      ? {}
      : { missing: `${lost}, which ${weights} names` }),
    ...(unsure === undefined ? {} : { unsure }),
  };
};

/** Chooses everything but what is hidden. */
export const allFiles: FileChooser = (paths) =>
  Promise.resolve({
    wanted: paths.filter((path) => !/(^|\/)\./.test(path)),
    unsure: true,
  });

/** The files of an index; the checkpoint room tells what is wrong with a bad one. */
function shardsOf(text: string): string[] {
  let map: unknown;
  try {
    map = JSON.parse(text).weight_map;
  } catch {
    return [];
  }
  return [...new Set(Object.values(map ?? {}))].filter(isSafePath).sort();
}
