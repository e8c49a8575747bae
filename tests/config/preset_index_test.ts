import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  buildPresetIndex,
  presetIndex,
  resolveMethodTarget,
} from "../../src/config/mod.ts";
import { ConfigError } from "../../src/fusion_error.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("presetIndex: sorted names and targets", async () => {
  const index = await presetIndex();
  for (
    const name of [
      "simple_average",
      "task_arithmetic",
      "linear/weighted_average",
    ]
  ) {
    assertEquals(index.method.includes(name), true, name);
  }
  assertEquals(index.method, [...index.method].sort());
  assertEquals(
    index.targets["fusion_bench.method.WeightedAverageAlgorithm"],
    "method/linear/weighted_average",
  );
});

Deno.test("resolveMethodTarget: any module prefix, nearest", async () => {
  for (
    const target of [
      "fusion_bench.method.TaskArithmeticAlgorithm",
      "fusion_bench.method.task_arithmetic.task_arithmetic.TaskArithmeticAlgorithm",
      "TaskArithmeticAlgorithm",
    ]
  ) {
    assertEquals(await resolveMethodTarget(target, "f"), "task_arithmetic");
  }
  await assertRejects(
    () => resolveMethodTarget("x.TaskArithmeticAlgoritm", "f"),
    ConfigError,
    "did you mean TaskArithmeticAlgorithm?",
  );
});

Deno.test("presets load from a module that came over the network", async () => {
  const index = await buildPresetIndex(fromFileUrl(new URL("config", ROOT)));
  const server = Deno.serve(
    { port: 0, onListen: () => {} },
    async (request) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      if (path === "/config/index.json") return Response.json(index);
      const type = path.endsWith(".ts")
        ? "application/typescript"
        : "text/plain";
      try {
        return new Response(await Deno.readFile(new URL(`.${path}`, ROOT)), {
          headers: { "content-type": type },
        });
      } catch {
        return new Response(null, { status: 404 });
      }
    },
  );
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const base = `http://localhost:${server.addr.port}`;
    await Deno.writeTextFile(
      script,
      `import { composeRunConfig, presetIndex } from "${base}/src/config/mod.ts";
const { config } = await composeRunConfig([
  "method=weighted_average", "modelpool=convnext-base-224_8-tasks",
]);
let message = "";
try {
  await composeRunConfig(["method=simple_average", "modelpool=demo"]);
} catch (error) {
  message = error.message;
}
console.log(JSON.stringify([config.method.path, Object.keys(config.modelpool.models).length, await presetIndex(), message]));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--no-check",
        "--no-lock",
        "--config",
        fromFileUrl(new URL("deno.json", ROOT)),
        script,
      ],
      stdin: "null",
    }).output();
    const output = new TextDecoder().decode(stdout);
    if (output === "") throw new Error(new TextDecoder().decode(stderr));
    const [path, models, remote, message] = JSON.parse(output);
    assertEquals(path, "linear/weighted_average");
    assertEquals(models, 9);
    assertEquals(remote, index);
    assertEquals(/checkout/.test(message), true, message);
  } finally {
    await Deno.remove(script);
    await server.shutdown();
  }
});
