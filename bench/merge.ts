import { existsSync } from "node:fs";
import { join } from "node:path";
import { tensorflowPaths } from "../src/backend/mod.ts";
import { makePool, MODELS } from "./make_pool.ts";
import { measure, type Measured } from "./measure.ts";
import { python } from "./python.ts";

/** The methods, and the path of the preset where it is not the name alone. */
const METHODS = new Map([
  ["simple_average", "simple_average"],
  ["task_arithmetic", "task_arithmetic"],
  ["ties_merging", "ties_merging"],
  ["iso_c", "isotropic_merging/iso_c"],
  [
    "TaskSingularVectorMerging",
    "task_singular_vector/TaskSingularVectorMerging",
  ],
]);
/** What decomposes matrices may use TensorFlow's own library. */
const SPECTRAL = ["iso_c", "TaskSingularVectorMerging"];
const PEERS = ["fusion_bench", "mergekit"];
const here = (file: string): string => new URL(file, import.meta.url).pathname;

/** `--name value` arguments. */
function option(args: string[], name: string): string | undefined {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? undefined : args[at + 1];
}

function cell(
  { wall, processor, memory }: Measured,
): string {
  return `${wall.toFixed(2)} s, ${processor.toFixed(1)} s CPU, ${
    Math.round(memory / 2 ** 20)
  } MB`;
}

/**
 * Merges eight ConvNeXt-base models with this module's command line and with
 * FusionBench and mergekit, where a Python has them: wall time (median), user
 * and system time, and peak resident memory of one process a merge.
 *
 * @param args `--pool DIR` (made if it is not there), `--methods a,b`,
 * `--runs N`, `--peer-runs N` (0 leaves the peers out).
 */
export async function bench(args: string[]): Promise<void> {
  const pool = option(args, "pool") ??
    join(Deno.env.get("TMPDIR") ?? "/tmp", "convnext-fusion-bench", "pool");
  const out = `${pool}-merged`;
  const runs = Number(option(args, "runs") ?? 3);
  const peerRuns = Number(option(args, "peer-runs") ?? 1);
  const methods = option(args, "methods")?.split(",") ?? [...METHODS.keys()];
  await makePool(pool);
  const files = MODELS.map((name) => join(pool, name, "model.safetensors"));
  const cat = await measure("cat", files, runs + 1);
  const tensorflow = existsSync(tensorflowPaths("cpu").binding);
  console.log(
    `cat over the pool's files: ${cat!.wall.toFixed(2)} s. Load ${
      Deno.loadavg()[0]!.toFixed(1)
    }, ${navigator.hardwareConcurrency} cores, medians of ${runs} runs (peers ${peerRuns})\n`,
  );
  console.log(
    `| method | backend | fusion | x cat | ${
      PEERS.join(" | ")
    } | of the faster peer |\n| --- | --- | --- | --- | --- | --- | --- |`,
  );
  for (const method of methods) {
    const backend = tensorflow && SPECTRAL.includes(method)
      ? "tensorflow"
      : "wasm";
    const ours = await measure(Deno.execPath(), [
      "run",
      "--quiet",
      "-A",
      here("../src/cli/main.ts"),
      `method=${METHODS.get(method) ?? method}`,
      `modelpool=${pool}`,
      `merged_model_save_path=${out}`,
      `backend=${backend}`,
    ], runs);
    const theirs: (Measured | undefined)[] = [];
    for (const peer of PEERS) {
      const folder = await Deno.makeTempDir();
      theirs.push(
        await measure(
          python(),
          [here("./merge_peers.py"), peer, method, pool, folder],
          peerRuns,
        ),
      );
      await Deno.remove(folder, { recursive: true });
    }
    const faster = Math.min(...theirs.map((peer) => peer?.wall ?? Infinity));
    console.log(
      `| ${method} | ${backend} | ${ours ? cell(ours) : "failed"} | ${
        ours ? (ours.wall / cat!.wall).toFixed(1) : ""
      } | ${theirs.map((peer) => peer ? cell(peer) : "").join(" | ")} | ${
        ours && faster < Infinity ? `1/${(faster / ours.wall).toFixed(1)}` : ""
      } |`,
    );
  }
  if (existsSync(out)) await Deno.remove(out, { recursive: true });
}
