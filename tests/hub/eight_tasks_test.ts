import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parse } from "@std/yaml";
import { elementCount, openCheckpoint } from "../../src/checkpoint/mod.ts";
import { HubServer } from "../hub_server/hub_server.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { walk } from "./hub_case.ts";

const PRESET = "ConvNextForImageClassification/convnext-base-224_8-tasks";

/** The preset's repositories by the names of their models. */
async function presetModels(): Promise<Record<string, string>> {
  const path = dataPath(`config/modelpool/${PRESET}.yaml`);
  const { models } = parse(await Deno.readTextFile(path)) as {
    models: Record<string, string>;
  };
  return models;
}

/** A micro model whose weights are off by up to a hundredth. */
function perturbed(
  safetensors: Uint8Array<ArrayBuffer>,
  seed: number,
): Uint8Array<ArrayBuffer> {
  const bytes = safetensors.slice();
  const view = new DataView(bytes.buffer);
  let state = seed;
  for (
    let at = 8 + Number(view.getBigUint64(0, true));
    at < bytes.length;
    at += 4
  ) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    const factor = 1 + (state / 2 ** 32 - 0.5) / 50;
    view.setFloat32(at, view.getFloat32(at, true) * factor, true);
  }
  return bytes;
}

async function fusion(
  words: string[],
  env: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url)),
      ...words,
    ],
    env: { HF_TOKEN: "hf_me", HF_HUB_OFFLINE: "", HF_HUB_CACHE: "", ...env },
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("the eight-task preset is downloaded, merged and pushed", async () => {
  await inTemporaryFolder(async (folder) => {
    await using hub = new HubServer();
    hub.users.set("hf_me", { name: "me", write: true });
    const models = await presetModels();
    assertEquals(Object.keys(models).length, 9);
    const micro = dataPath("tests/data/micro_pool/pretrained");
    const weights = await Deno.readFile(`${micro}/model.safetensors`);
    const config = await Deno.readTextFile(`${micro}/config.json`);
    for (const [seed, repository] of Object.values(models).entries()) {
      hub.put(repository, {
        "config.json": config,
        "model.safetensors": perturbed(weights, seed),
        "preprocessor_config.json": await Deno.readTextFile(
          dataPath("demo/pool/pretrained/preprocessor_config.json"),
        ),
        "README.md": "not needed",
      });
    }
    hub.fault({ path: /^storage:/, resetAt: 70_000, times: 3 });
    hub.fault({ path: /revision/, status: 503, times: 2 });

    const env = { HF_ENDPOINT: hub.url, HF_HOME: join(folder, "hf") };
    const out = join(folder, "out");
    const words = [
      "method=simple_average",
      `modelpool=${PRESET}`,
      "taskpool=null",
      "backend=cpu",
      `merged_model_save_path=${out}`,
    ];
    const merge = await fusion(words, env);
    assertEquals(merge.code, 0, merge.stderr);
    assertEquals(hub.seen(/README/), []);

    const snapshots = Object.entries(models).map(([name, repository]) => {
      const cached = join(
        folder,
        `hf/hub/models--${repository.replace("/", "--")}`,
      );
      const commit = Deno.readTextFileSync(join(cached, "refs", "main"));
      return { name, path: join(cached, "snapshots", commit) };
    });
    const merged = await openCheckpoint(out);
    const experts = await Promise.all(
      snapshots.filter(({ name }) => name !== "_pretrained_").map(({ path }) =>
        openCheckpoint(path)
      ),
    );
    for (const name of merged.names) {
      if (!name.startsWith("convnext.")) continue;
      const length = elementCount(merged.info(name).shape);
      const values = await merged.read(name, 0, length);
      const sources = await Promise.all(
        experts.map((expert) => expert.read(name, 0, length)),
      );
      for (let i = 0; i < length; i++) {
        const mean = sources.reduce((sum, source) => sum + source[i]!, 0) / 8;
        assert(
          Math.abs(values[i]! - mean) <= 1e-6 * Math.abs(mean) + 1e-12,
          `${name}[${i}] is ${values[i]}, expected ${mean}`,
        );
      }
    }
    merged.close();
    experts.forEach((expert) => expert.close());

    // Without the hub, the cache has it all.
    const again = join(folder, "again");
    const offline = await fusion([
      ...words,
      `merged_model_save_path=${again}`,
    ], { ...env, HF_ENDPOINT: "http://127.0.0.1:1", HF_HUB_OFFLINE: "1" });
    assertEquals(offline.code, 0, offline.stderr);
    assertEquals(
      await Deno.readFile(join(again, "model.safetensors")),
      await Deno.readFile(join(out, "model.safetensors")),
    );

    const push = await fusion(["push", out, "me/merged"], env);
    assertEquals(push.code, 0, push.stderr);
    const repository = hub.repositories.get("models/me/merged")!;
    const commit = repository.resolve("main")!;
    assertEquals(push.stdout, `${hub.url}/me/merged/commit/${commit}\n`);
    assertEquals(
      [...repository.commits.get(commit)!.keys()].sort(),
      walk(out),
    );
    assertEquals(walk(out).length, 5 + 2 * 8);

    const missing = await fusion(["push", "nowhere", "me/merged"], env);
    assertEquals(missing.code, 2);
    assertStringIncludes(missing.stderr, "error: nowhere has no config.json");
  });
});
