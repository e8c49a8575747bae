import {
  analyzeConfigSchema,
  composeConfig,
  createModelPool,
} from "../config/mod.ts";
import { fusionTargetsAmong } from "../convnext/mod.ts";
import {
  analyzePool,
  baseOf,
  closePool,
  type PoolAnalysis,
} from "../merge/mod.ts";
import { markdownTable, percentage, progressBar } from "../report/mod.ts";
import { rejectPositional } from "./reject_positional.ts";
import { writeFileWhole } from "./write_file.ts";

/** `fusion analyze modelpool=POOL [report_save_path=FILE] [--json]` */
export async function analyze(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  const { config, positional } = await composeConfig(
    words,
    analyzeConfigSchema,
  );
  rejectPositional(positional);
  const pool = await createModelPool(config.modelpool);
  const open = await pool.openMergePool();
  const bar = progressBar("Analyzing");
  let analysis: PoolAnalysis;
  try {
    analysis = await analyzePool(open, {
      targets: fusionTargetsAmong(baseOf(open).names),
      ...(config.chunk_size ? { chunkSize: config.chunk_size } : {}),
      onProgress: (done, total) => bar.update(done, total),
    });
  } finally {
    bar.stop();
    closePool(open);
  }
  const text = JSON.stringify(analysis, null, 2);
  if (config.report_save_path) {
    await writeFileWhole(config.report_save_path, text + "\n");
    console.error(`analysis: ${config.report_save_path}`);
  }
  console.log(json ? text : describe(analysis));
}

function describe(analysis: PoolAnalysis): string {
  const { models, cosine_similarity, sign_conflict_by_pair, norms } = analysis;
  const matrix = (
    corner: string,
    values: readonly (readonly number[])[],
    format: (value: number) => string,
  ): string =>
    markdownTable(
      [corner, ...models],
      models.map((name, i) => [name, ...values[i]!.map(format)]),
    );
  return [
    matrix(
      "cosine similarity",
      cosine_similarity,
      (value) => value.toFixed(4),
    ),
    matrix("signs in conflict, %", sign_conflict_by_pair, percentage),
    markdownTable(
      ["norm of task vectors", ...models, "signs in conflict, %"],
      [
        ...analysis.layers.map(({ layer, norms, sign_conflict }) => [
          layer,
          ...models.map((name) => norms[name]!.toPrecision(4)),
          percentage(sign_conflict),
        ]),
        [
          "all",
          ...models.map((name) => norms[name]!.toPrecision(4)),
          percentage(analysis.sign_conflict),
        ],
      ],
    ),
  ].join("\n\n");
}
