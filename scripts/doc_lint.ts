/**
 * `deno doc --lint` over the public modules, without what it cannot know:
 * types of npm packages (`tf.LayersModel`, zod's) count as private there,
 * though a user has the package that they come from.
 */
import { fromFileUrl } from "@std/path";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
const MODULES = ["mod.ts", "src/cli/main.ts"];

const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", "--quiet", ...MODULES],
  cwd: ROOT,
  env: { NO_COLOR: "1" },
}).output();
const output = new TextDecoder().decode(stdout) +
  new TextDecoder().decode(stderr);

const source = await sourceText(`${ROOT}/src`);
const findings = output.split(/^(?=error\[)/m).filter((text) =>
  text.startsWith("error[")
).filter((text) => {
  const type = /references private type '(\w+)'/.exec(text)?.[1];
  return type === undefined || isOurs(type);
});
for (const finding of findings) console.error(finding.trimEnd() + "\n");
if (findings.length > 0) {
  console.error(`${findings.length} findings of deno doc --lint`);
  Deno.exit(1);
}
// Where it fails without a finding, what it says is worth reading.
if (!/^error\[/m.test(output) && output.includes("error")) {
  console.error(output);
  Deno.exit(1);
}

function isOurs(type: string): boolean {
  return new RegExp(`\\b(interface|type|class|enum|const) ${type}\\b`).test(
    source,
  );
}

async function sourceText(folder: string): Promise<string> {
  let text = "";
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    text += isDirectory
      ? await sourceText(path)
      : await Deno.readTextFile(path);
  }
  return text;
}
