/**
 * Publishes to JSR, or tries it: `deno task publish:dry`.
 *
 * `deno publish` refuses a config with `links`, and JSR has no folder listings:
 * the module is copied to a temporary folder, its config loses the links, and
 * the list of presets is written to `config/index.json`. A dry run maps the
 * `@std` packages to the local stand-ins, so that it works where JSR cannot be
 * reached; `deno run -A scripts/publish.ts --publish` keeps the real ones.
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { buildPresetIndex } from "../src/config/mod.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
const PUBLISHED = ["mod.ts", "README.md", "LICENSE", "src", "config"];
const publish = Deno.args.includes("--publish");

const staging = await Deno.makeTempDir({ prefix: "convnext-fusion-publish-" });
let status = 1;
try {
  const entries = publish ? PUBLISHED : [...PUBLISHED, "scripts/offline"];
  for (const entry of entries) await copy(entry);
  const { links, tasks: _tasks, ...config } = JSON.parse(
    await Deno.readTextFile(join(ROOT, "deno.json")),
  );
  config.exclude = [];
  if (!publish) {
    for (const link of links) {
      const linked = JSON.parse(
        await Deno.readTextFile(join(ROOT, link, "deno.json")),
      );
      config.imports[linked.name] = `${link}/mod.ts`;
      Object.assign(config.imports, linked.imports);
    }
  }
  await Deno.writeTextFile(
    join(staging, "deno.json"),
    JSON.stringify(config, null, 2),
  );
  await Deno.writeTextFile(
    join(staging, "config", "index.json"),
    JSON.stringify(await buildPresetIndex(join(ROOT, "config")), null, 2),
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "publish",
      "--quiet",
      ...(publish ? [] : ["--dry-run", "--no-check=remote"]),
    ],
    cwd: staging,
    stdin: "null",
  }).spawn();
  status = (await child.status).code;
} finally {
  await Deno.remove(staging, { recursive: true });
}
Deno.exit(status);

async function copy(entry: string): Promise<void> {
  const source = join(ROOT, entry);
  const target = join(staging, entry);
  if ((await Deno.stat(source)).isFile) {
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(source, target);
    return;
  }
  for await (const child of Deno.readDir(source)) {
    await copy(join(entry, child.name));
  }
}
