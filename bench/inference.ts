import { python } from "./python.ts";
import { type Case, TimedProcess } from "./timed_process.ts";

const OURS = ["tensorflow", "wasm"];
const PEERS = ["torch", "onnxruntime"];
const here = (file: string): string => new URL(file, import.meta.url).pathname;

function start(name: string): Promise<TimedProcess | undefined> {
  return PEERS.includes(name)
    ? TimedProcess.start(python(), [
      here("./inference_peers.py"),
      name,
      `${Math.min(2, navigator.hardwareConcurrency)}`,
    ])
    : TimedProcess.start(Deno.execPath(), [
      "run",
      "--quiet",
      "-A",
      "--unstable-webgpu",
      here("./inference_backend.ts"),
      name,
    ]);
}

/**
 * Threads of onnxruntime and of torch go on waiting busily for a while after a
 * batch: on two cores they would slow down whose turn is next.
 */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 200));
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** `key=value` arguments, each a list. */
function parse(args: string[]): Record<string, string[]> {
  return Object.fromEntries(args.map((arg) => {
    const [key, value] = arg.split("=");
    return [key!, value?.split(",") ?? []];
  }));
}

/**
 * Milliseconds per image of ConvNeXt at 224 x 224, random weights, on our
 * backends and on torch and onnxruntime where a Python has them. The runtimes
 * take turns, so that a busy machine slows all of them down.
 *
 * @param args `runtimes=`, `sizes=`, `batches=` (lists), `runs=`.
 */
export async function bench(args: string[]): Promise<void> {
  const options = parse(args);
  const runtimes: TimedProcess[] = [];
  for (const name of options.runtimes ?? [...OURS, ...PEERS]) {
    const runtime = await start(name);
    if (runtime) runtimes.push(runtime);
  }
  const runs = Number(options.runs?.[0] ?? 7);
  console.log(
    `ms per image, median of ${runs} runs in turns (load ${
      Deno.loadavg()[0]!.toFixed(1)
    } before)\n\n| model | batch | ${
      runtimes.map(({ title }) => title).join(" | ")
    } |\n| --- | --- |${" --- |".repeat(runtimes.length)}`,
  );
  for (const size of options.sizes ?? ["tiny", "base"]) {
    for (const batch of (options.batches ?? ["1", "8"]).map(Number)) {
      const which: Case = { size, batch };
      const times: number[][] = runtimes.map(() => []);
      for (let run = -2; run < runs; run++) {
        for (const [i, runtime] of runtimes.entries()) {
          await rest();
          const milliseconds = await runtime.time(which);
          if (run >= 0) times[i]!.push(milliseconds / batch);
        }
      }
      const cells = times.map((values) => median(values).toFixed(1));
      console.log(`| ${size} | ${batch} | ${cells.join(" | ")} |`);
    }
  }
  for (const runtime of runtimes) await runtime.close();
}
