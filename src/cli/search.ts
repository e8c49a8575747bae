import { basename } from "@std/path";
import { useBackend } from "../backend/mod.ts";
import {
  composeConfig,
  createMethod,
  createModelPool,
  createTaskPool,
  type SearchConfig,
  searchConfigSchema,
} from "../config/mod.ts";
import { loadMultiTaskModel } from "../convnext/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import type { BoundMethod } from "../merge/mod.ts";
import {
  type ConvNextForImageClassificationPool,
  mergeInfo,
  mergeToFolder,
} from "../modelpool/mod.ts";
import { markdownTable, percentage, progressBar } from "../report/mod.ts";
import {
  createStrategy,
  search as runSearch,
  type SearchResult,
  SearchSession,
  type SearchSpace,
  searchSpace,
  type StrategyName,
  TrialRecord,
} from "../search/mod.ts";
import {
  evaluateWithProgress,
  savedData,
  tellReport,
} from "./evaluate_model.ts";
import { rejectPositional } from "./reject_positional.ts";
import { tellBackend } from "./tell_backend.ts";
import { checkFilePlace } from "./write_file.ts";

/** Trials of a strategy that has no end of its own. */
const TRIALS = 50;
/** Trials that are printed, the best first. */
const SHOWN = 10;

/** `fusion search method=METHOD method.NUMBER=LOW:HIGH[:STEP] modelpool=POOL …` */
export async function search(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  rejectPositional(words);
  const { config, where } = await composeConfig(words, searchConfigSchema);
  const space = searchSpace(
    config.method.parameters,
    config.layers ?? undefined,
  );
  const name = config.strategy ??
    (space.dimensions.every(({ step }) => step !== undefined) && !config.layers
      ? "grid"
      : "cma_es");
  const strategy = createStrategy(name, space, config.seed);
  const bind = (point: readonly number[]): Promise<BoundMethod> =>
    createMethod(
      { path: config.method.path, parameters: space.at(point) },
      where,
      config.seed,
    );
  // Wrong parameters are told before anything is opened.
  await bind(space.dimensions.map(({ low }) => low));
  const pool = await createModelPool(config.modelpool);
  const taskPool = await createTaskPool(
    config.taskpool,
    () => pool.loadProcessor(),
  );
  if (config.report_save_path && !taskPool) {
    throw new ConfigError(
      `report_save_path=${config.report_save_path}: nothing is evaluated, expected taskpool=TASKS with it`,
    );
  }
  const path = config.merged_model_save_path;
  if (path) await pool.checkSavePath(path);
  const file = config.record ?? (path && `${path}.search.jsonl`);
  for (const place of [file, config.report_save_path]) {
    if (place) checkFilePlace(place);
  }
  const backend = await useBackend(config.backend);
  const session = await SearchSession.open(pool, config);
  let result: SearchResult;
  try {
    result = await searchWithProgress(
      { config, name, space, pool, session, bind, file },
      strategy,
    );
  } finally {
    await session.close();
  }
  tellBackend(backend);
  const method = await bind(result.best.point);
  tellResult(result, space, method, json);
  if (path) {
    await mergeToFolder(pool, method, path, {
      dtype: config.dtype ?? undefined,
      card: { modelpool: config.modelpool },
      info: {
        search: describe({ config, name, space, session }, result),
      },
    });
    console.error(`merged model: ${path}`);
    if (!taskPool) return;
    const model = await loadMultiTaskModel(path);
    const report = await evaluateWithProgress(taskPool, model, {
      name: basename(method.name),
      data: await savedData(path),
    });
    tellReport(report, config.report_save_path, json);
    await model.dispose();
  }
}

interface Search {
  config: SearchConfig;
  name: StrategyName;
  space: SearchSpace;
  pool: ConvNextForImageClassificationPool;
  session: SearchSession;
  bind: (point: readonly number[]) => Promise<BoundMethod>;
  file: string | null | undefined;
}

async function searchWithProgress(
  { config, name, space, pool, session, bind, file }: Search,
  strategy: ReturnType<typeof createStrategy>,
): Promise<SearchResult> {
  const first = await bind(space.dimensions.map(({ low }) => low));
  const { models, alignment } = await mergeInfo(pool, first);
  const record = file
    ? TrialRecord.open(file, {
      method: config.method,
      layers: config.layers ?? null,
      strategy: name,
      objective: config.objective,
      seed: config.seed,
      validation_fraction: config.validation_fraction,
      images: session.images,
      models,
      alignment,
    }, config.resume)
    : TrialRecord.nowhere();
  if (record.trials.length > 0) {
    console.error(`record: ${file}, with ${record.trials.length} trials`);
  }
  const bar = progressBar("Searching");
  const most = config.trials ?? strategy.size ?? TRIALS;
  try {
    return await runSearch(
      strategy,
      record,
      async (point) => await session.evaluate(await bind(point)),
      {
        trials: most,
        patience: config.patience ?? null,
        objective: config.objective,
        onTrial: ({ trial }) => bar.update(trial + 1, most),
      },
    );
  } finally {
    bar.stop();
    record.close();
  }
}

/** What `merge.json` tells of a search. */
function describe(
  { config, name, space, session }: Pick<
    Search,
    "config" | "name" | "space" | "session"
  >,
  { trials, best }: SearchResult,
): Record<string, unknown> {
  return {
    strategy: name,
    objective: config.objective,
    ranges: space.dimensions,
    trials: trials.length,
    best,
    seed: config.seed,
    validation_images: session.images,
    use: "labelled validation images of each task, none of them for testing",
  };
}

function tellResult(
  { trials, best }: SearchResult,
  space: SearchSpace,
  method: BoundMethod,
  json: boolean,
): void {
  if (json) {
    const parameters = method.parameters;
    console.log(
      JSON.stringify({ best: { ...best, parameters }, trials }, null, 2),
    );
    return;
  }
  const shown = trials.toSorted((a, b) =>
    b.average.accuracy - a.average.accuracy || a.average.loss - b.average.loss
  ).slice(0, SHOWN);
  console.log(markdownTable(
    [
      "trial",
      ...space.dimensions.map(({ path }) => path.join(".")),
      ...Object.keys(best.accuracy),
      "average",
      "loss",
    ],
    shown.map(({ trial, point, accuracy, average }) => [
      trial === best.trial ? `${trial} *` : `${trial}`,
      ...point.map((number) => `${Number(number.toPrecision(4))}`),
      ...Object.values(accuracy).map(percentage),
      percentage(average.accuracy),
      average.loss.toFixed(4),
    ]),
  ));
}
