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

function start(output: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "-A", "src/cli/main.ts", "finetune"],
      "model=demo/pool/pretrained",
      "train=demo/data/optdigits/test",
      "class_names=[0,1,2,3,4,5,6,7,8,9]",
      ...["optimizer=adamw", "lr=0.001", "batch_size=16", "max_steps=120"],
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

const alone = join(folder, "alone");
const whole = await timed(start(alone));
const killed = join(folder, "killed");
let count = 0;
for (; count < Number(kills); count++) {
  const process = start(killed);
  // Starting takes most of it; some are killed before they have done a step.
  const timer = setTimeout(
    () => process.kill("SIGKILL"),
    whole * (0.1 + 0.1 * Math.random()),
  );
  const { success } = await process.status;
  clearTimeout(timer);
  if (success) break;
}
await timed(start(killed));
const [expected, found] = await Promise.all(
  [alone, killed].map((path) => sha256File(join(path, "model.safetensors"))),
);
console.log(
  `${count} kills, ${
    expected === found ? "the same weights" : "OTHER WEIGHTS"
  } (one run: ${(whole / 1000).toFixed(1)} s, ${backend})`,
);
await Deno.remove(folder, { recursive: true });
if (expected !== found) Deno.exit(1);
