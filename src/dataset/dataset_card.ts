import { parse } from "@std/yaml";

/** A configuration that a data set card (README.md) lists. */
export interface CardConfiguration {
  /** Its name. */
  readonly name: string;
  /** Whether it is meant where none is named. */
  readonly isDefault: boolean;
  /** The files of each split. */
  readonly files: readonly { split: string; pattern: RegExp }[];
}

const LARGEST_HEAD = 2 ** 18;
const MOST = 500;

/**
 * The configurations in the YAML at the head of a data set card. What cannot
 * be read is left out: then the files' paths tell.
 *
 * @see https://huggingface.co/docs/hub/datasets-manual-configuration
 */
export function cardConfigurations(card: string): CardConfiguration[] {
  const head = /^---\r?\n([\s\S]*?)\r?\n---/
    .exec(card.slice(0, LARGEST_HEAD))?.[1];
  if (head === undefined || !/^configs:/m.test(head)) return [];
  let content: unknown;
  try {
    content = parse(head);
  } catch {
    return [];
  }
  const budget = { left: MOST };
  return listOf(field(content, "configs")).flatMap((entry) => {
    const name = field(entry, "config_name");
    const files = filesOf(entry, budget);
    if (typeof name !== "string" || files.length === 0) return [];
    return [{ name, isDefault: field(entry, "default") === true, files }];
  });
}

/** @param budget How many patterns may be made of what aliases multiply. */
function filesOf(
  entry: unknown,
  budget: { left: number },
): { split: string; pattern: RegExp }[] {
  if (budget.left <= 0) return [];
  const data = field(entry, "data_files");
  const folder = field(entry, "data_dir");
  const prefix = typeof folder === "string" ? `${folder}/` : "";
  const bySplit: [unknown, unknown][] = typeof data === "string"
    ? [["train", data]]
    : Array.isArray(data)
    ? listOf(data).map((item) =>
      typeof item === "string"
        ? ["train", item]
        : [field(item, "split"), field(item, "path")]
    )
    : typeof data === "object" && data !== null
    ? Object.entries(data)
    : [];
  return bySplit.slice(0, MOST).flatMap(([split, paths]) =>
    (Array.isArray(paths) ? paths.slice(0, MOST) : [paths]).flatMap((path) =>
      typeof split === "string" && typeof path === "string" &&
        path.length < 1000 && budget.left-- > 0
        ? [{ split, pattern: globPattern(prefix + path) }]
        : []
    )
  );
}

/** `*` and `?` stay within a folder, `**` does not. */
function globPattern(glob: string): RegExp {
  const normal = glob.replace(/^(\.\/)+/, "").replace(/\*{3,}/g, "**");
  const source = normal.replace(
    /\*\*\/?|\*|\?|[^*?]+/g,
    (part) =>
      part.startsWith("**")
        ? ".*"
        : part === "*"
        ? "[^/]*"
        : part === "?"
        ? "[^/]"
        : part.replace(/[\\^$.|+()[\]{}]/g, "\\$&"),
  );
  // Many wildcards make a regular expression slow; a few are a pattern.
  return (normal.match(/\*+/g) ?? []).length > 6
    ? /(?!)/
    : new RegExp(`^${source}$`);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, MOST) : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null &&
      Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
