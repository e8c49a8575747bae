/**
 * Kills a fine-tuning run again and again at random moments, and compares the
 * weights that come out in the end with those of a run that was left alone.
 *
 *     deno run -A bench/finetune_kill.ts [kills] [backend]
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { sha256File } from "../src/checkpoint/mod.ts";

const [kills = "20", backend = "tensorflow"] = Deno.args;
const root = fromFileUrl(new URL("../", import.meta.url));
const folder = await Deno.makeTempDir();
/** Steps of a run: more than are done between the kills that are asked for. */
const STEPS = 10 * Number(kills);

function start(output: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "-A", "src/cli/main.ts", "finetune"],
      "model=tests/data/demo_pool/pretrained",
      "train=tests/data/demo_data/optdigits/test",
      "class_names=[0,1,2,3,4,5,6,7,8,9]",
      ...["optimizer=adamw", "lr=0.001", "batch_size=8"],
      `max_steps=${STEPS}`,
      ...["random_crop=2", "random_flip=true", "head_steps=5"],
      ...["state_interval=2", "save_interval=7", "save_top_k=2"],
      `backend=${backend}`,
      `output=${output}`,
    ],
    cwd: root,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function timed(process: Deno.ChildProcess): Promise<number> {
  const begin = performance.now();
  const { success } = await process.status;
  if (!success) throw new Error("the run failed");
  return performance.now() - begin;
}

/** The step of the last state that was saved; 0 where there is none. */
async function savedStep(output: string): Promise<number> {
  const state = join(`${output}.training`, "training_state.json");
  try {
    return JSON.parse(await Deno.readTextFile(state)).step;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/**
 * Kills a run: while it starts, or some steps after it has saved a state.
 *
 * @returns Whether it was running.
 */
async function kill(
  process: Deno.ChildProcess,
  output: string,
  wholeTime: number,
): Promise<boolean> {
  let running = true;
  const end = process.status.then(({ success }) => {
    running = false;
    return success;
  });
  const delay = (milliseconds: number) =>
    new Promise((resolve) => setTimeout(resolve, milliseconds));
  if (Math.random() < 0.25) {
    await delay(0.2 * wholeTime * Math.random());
  } else {
    const before = await savedStep(output);
    while (running && await savedStep(output) === before) await delay(3);
    await delay(4 * wholeTime / STEPS * Math.random());
  }
  if (running) process.kill("SIGKILL");
  return !await end;
}

const alone = join(folder, "alone");
const whole = await timed(start(alone));
const killed = join(folder, "killed");
const steps: number[] = [];
while (steps.length < Number(kills)) {
  if (!await kill(start(killed), killed, whole)) break;
  steps.push(await savedStep(killed));
  console.error(`killed after step ${steps.at(-1)}`);
}
await timed(start(killed));
const [expected, found] = await Promise.all(
  [alone, killed].map((path) => sha256File(join(path, "model.safetensors"))),
);
console.log(
  `${steps.length} kills, ${
    expected === found ? "the same weights" : "OTHER WEIGHTS"
  } (one run: ${STEPS} steps, ${(whole / 1000).toFixed(1)} s, ${backend})`,
);
console.log(`the last state at each kill: step ${steps.join(", ")}`);
await Deno.remove(folder, { recursive: true });
if (expected !== found || steps.length < Number(kills)) Deno.exit(1);
