import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { COMMANDS } from "../../src/cli/commands.ts";
import {
  type Need,
  permissionFlags,
  PERMISSIONS,
  permissionTables,
} from "../../src/cli/permissions.ts";
import { HubServer } from "../hub_server/hub_server.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";

const MAIN = dataPath("src/cli/main.ts");
const MICRO = dataPath("tests/data/micro_pool");
const PHOTO = dataPath("tests/data/images/photo.jpg");

/** Commands that are also run without each of their permissions. */
const DEPRIVED = new Set(["run", "predict", "push", "list"]);

/** One use of a command, and what it needs beside what it always needs. */
interface Use {
  words: string[];
  needs?: Need[];
}

/** Every command, in an order in which each finds what it needs. */
function uses(folder: string): Record<string, Use[]> {
  const out = join(folder, "out");
  const merge = ["method=task_arithmetic", `modelpool=${MICRO}`]
    .concat("taskpool=null", `merged_model_save_path=${out}`);
  const tasks = [
    `model=${dataPath("tests/data/demo_pool/optdigits")}`,
    `taskpool.test_datasets={optdigits: ${
      dataPath("tests/data/demo_data/optdigits/test")
    }}`,
    "+taskpool._target_=ImageClassificationTaskPool",
    "fast_dev_run=true",
  ];
  const report = `report_save_path=${folder}/report.json`;
  return {
    run: [
      { words: [...merge, "backend=wasm"] },
      { words: [...merge, "backend=tensorflow"], needs: ["tensorflow"] },
      { words: [...merge, "backend=auto"], needs: ["webgpu"] },
    ],
    evaluate: [
      { words: [...tasks, "backend=wasm"] },
      { words: [...tasks, "backend=wasm", report], needs: ["write"] },
    ],
    finetune: [{
      words: [
        `model=${dataPath("tests/data/demo_pool/pretrained")}`,
        `train=${dataPath("tests/data/demo_data/optdigits/test")}`,
        "class_names=[0,1,2,3,4,5,6,7,8,9]",
        `output=${folder}/expert`,
        "max_steps=1",
        "batch_size=2",
        "backend=wasm",
      ],
    }],
    predict: [{
      words: [
        `model=${dataPath("tests/data/demo_pool/mnist")}`,
        PHOTO,
        "backend=wasm",
      ],
    }],
    analyze: [
      { words: [`modelpool=${MICRO}`] },
      { words: [`modelpool=${MICRO}`, report], needs: ["write"] },
    ],
    "merge-info": [{ words: [out] }],
    inspect: [
      { words: [out] },
      { words: ["me/model"], needs: ["hub"] },
    ],
    convert: [{
      words: [`input=${out}`, `output=${folder}/tfjs`, "backend=wasm"],
    }],
    push: [{ words: [out, "me/merged"] }],
    list: [{ words: [] }],
  };
}

async function runWith(
  flags: readonly string[],
  words: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", ...flags, MAIN]
      .concat(words),
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("each command runs under the permissions that it states, and tells of one that it lacks", async () => {
  await inTemporaryFolder(async (folder) => {
    await using hub = new HubServer();
    hub.users.set("hf_me", { name: "me", write: true });
    await hub.putFolder("me/model", join(MICRO, "alpha"));
    const env = {
      HF_ENDPOINT: hub.url,
      HF_HOME: join(folder, "hf"),
      HF_HUB_CACHE: "",
      HF_HUB_OFFLINE: "",
      HF_TOKEN: "hf_me",
    };
    const hosts = [hub.url, hub.storageUrl].map((url) => new URL(url).host);
    const fill = (flag: string): string =>
      flag.replace("=FOLDER", `=${folder}`).replace("=CACHE", `=${env.HF_HOME}`)
        .replace("huggingface.co,*.hf.co", hosts.join());
    assertEquals(
      COMMANDS.map(({ name }) => name).sort(),
      Object.keys(PERMISSIONS).sort(),
    );
    const check = async (name: string, { words, needs = [] }: Use) => {
      const { always, sometimes } = PERMISSIONS[name]!;
      if (needs.includes("tensorflow") && testBackendName === "wasm") return;
      assert(needs.every((need) => sometimes.includes(need)));
      const flags = permissionFlags([...always, ...needs]).map(fill);
      const args = name === "run" ? words : [name, ...words];
      const result = await runWith(flags, args, env);
      assertEquals(result.code, 0, `${name} ${flags}: ${result.stderr}`);
      if (needs.includes("webgpu")) {
        assert(!result.stderr.includes("XDG_RUNTIME_DIR"), result.stderr);
      }
      if (!DEPRIVED.has(name) || needs.length > 0) return;
      for (const flag of flags) {
        const rest = flags.filter((other) => other !== flag);
        // What is in the way now is a line.
        const { code, stderr } = await runWith(rest, args, env);
        const lines = stderr.split("\n").filter((line) =>
          line.startsWith("error: ")
        );
        assertEquals(
          [code, lines.length],
          [2, 1],
          `${name} ${rest}: ${stderr}`,
        );
        assertMatch(lines[0]!, new RegExp(flag.split("=")[0]!));
      }
    };
    const { run, ...others } = uses(folder);
    // The others read what it makes.
    for (const use of run!) await check("run", use);
    await Promise.all(
      Object.entries(others).flatMap(([name, all]) =>
        all.map((use) => check(name, use))
      ),
    );
  });
});

Deno.test("the README's tables of permissions are the commands'", async () => {
  const readme = await Deno.readTextFile(dataPath("README.md"));
  const cells = (text: string): string[] =>
    text.split("\n").map((line) =>
      line.replace(/ *\| */g, "|").replace(/-{3,}/g, "---").trim()
    ).filter((line) => line !== "");
  const [, table] =
    /<!-- begin permissions -->\n([^]*?)<!-- end permissions -->/
      .exec(readme)!;
  assertEquals(cells(table!), cells(permissionTables()));
});

Deno.test("the task `fusion` has what the commands need together, and no more", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(dataPath("deno.json")));
  const granted = new Set(
    (tasks.fusion.command as string).match(/--allow-\S+/g),
  );
  const needed = permissionFlags([
    "read",
    "write",
    "images",
    "hub",
    "tensorflow",
    "webgpu",
  ])
    .map((flag) => {
      const [name, values] = flag.split("=");
      // Any folder, and any hub that HF_ENDPOINT names.
      return name === "--allow-env"
        ? `${name}=${values!.split(",").sort()}`
        : name!;
    });
  assertEquals([...granted].sort(), needed.sort());
});
