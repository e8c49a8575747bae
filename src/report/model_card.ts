import { basename, isAbsolute } from "@std/path";
import { stringify } from "@std/yaml";
import { type EvaluationReport, taskResults } from "./evaluation_report.ts";
import { markdownTable, percentage } from "./table.ts";

/** What a model card tells. */
export interface ModelCard {
  /** The common ancestor's repository id, or its folder's name. */
  baseModel?: string | undefined;
  /** The experts' repository ids, or their folders' names. */
  models: readonly string[];
  /**
   * Those of them that are repositories of the Hub, `owner/name`: its metadata
   * may name nothing else as `base_model`.
   */
  repositories?: readonly string[] | undefined;
  /** Heading. @default {"Deep Model Fusion"}, or that of a fine-tuned model */
  title?: string | undefined;
  /** A paragraph below the heading. */
  description?: string | undefined;
  /** What the merge warned of. */
  warnings?: readonly string[] | undefined;
  /** How the model was fine-tuned, if it was: then it is no merge. */
  training?: unknown;
  /** The method's configuration. */
  algorithm?: unknown;
  /** The model pool's configuration. */
  modelpool?: unknown;
  /** Results by task. */
  report?: EvaluationReport | undefined;
}

/**
 * Renders the model card that FusionBench writes beside a merged model, or that
 * of a fine-tuned one: front matter, the models merged, method and pool as YAML, and results by task.
 * Of an absolute path it tells the last name alone: a card is there to be shown.
 * Text from sources stands in YAML or code, escaped: it cannot become markup.
 */
export function modelCard(card: ModelCard): string {
  const { baseModel, models, repositories = [], training } = card;
  const isMerged = training === undefined;
  const title = card.title ??
    (isMerged ? "Deep Model Fusion" : "Fine-tuned ConvNeXt");
  const frontMatter = stringify({
    ...(repositories.length > 0 && { base_model: [...repositories] }),
    library_name: "transformers",
    tags: [
      "convnext-fusion",
      ...(isMerged ? ["fusion-bench", "merge"] : ["image-classification"]),
    ],
  });
  const list = [
    ...(baseModel === undefined ? [] : [`- base model: ${code(baseModel)}`]),
    ...models.map((model) => `- ${code(model)}`),
  ];
  const sections = [
    `---\n${frontMatter}---`,
    `# ${title}`,
    card.description,
    ...(card.warnings ?? []).map((warning) => `> Warning: ${code(warning)}`),
    ...(isMerged ? ["## Models Merged"] : []),
    `This model was ${
      isMerged ? "merged" : "fine-tuned"
    } with \`@convnext/fusion\`, from:`,
    list.join("\n"),
    ...(card.algorithm === undefined && card.modelpool === undefined && isMerged
      ? []
      : ["## Configuration"]),
    ...yamlSection("### Training Configuration", training),
    ...yamlSection("### Algorithm Configuration", card.algorithm),
    ...yamlSection("### Model Pool Configuration", card.modelpool),
    ...(card.report ? ["## Results", resultsTable(card.report)] : []),
  ];
  return sections.filter((section) => section !== undefined).join("\n\n") +
    "\n";
}

function yamlSection(heading: string, value: unknown): string[] {
  if (value === undefined) return [];
  // A longer fence than any in the text keeps the text inside it.
  const yaml = stringify(withoutFolders(value));
  const longest = Math.max(
    2,
    ...(yaml.match(/`+/g) ?? []).map((run) => run.length),
  );
  const fence = "`".repeat(longest + 1);
  return [heading, `${fence}yaml\n${yaml}${fence}`];
}

/** A configuration in which absolute paths are their last names. */
function withoutFolders(value: unknown): unknown {
  if (typeof value === "string") {
    return isAbsolute(value) ? basename(value) : value;
  }
  if (Array.isArray(value)) return value.map(withoutFolders);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withoutFolders(item)]),
  );
}

function code(text: string): string {
  const line = text.replace(/\s+/g, " ");
  const longest = Math.max(
    0,
    ...(line.match(/`+/g) ?? []).map((run) => run.length),
  );
  const fence = "`".repeat(longest + 1);
  return longest === 0
    ? `${fence}${line}${fence}`
    : `${fence} ${line} ${fence}`;
}

function resultsTable(report: EvaluationReport): string {
  return markdownTable(
    ["task", "accuracy", "loss"],
    [...taskResults(report), ["average", report.average] as const].map(
      ([task, { accuracy, loss }]) => [
        code(task),
        percentage(accuracy),
        loss.toFixed(4),
      ],
    ),
  );
}
