import { assert, assertEquals } from "@std/assert";
import { dataPath } from "../reference.ts";
import { runMain } from "./run_main.ts";

for (
  const command of [
    "",
    "run",
    "search",
    "evaluate",
    "predict",
    "inspect",
    "convert",
    "list",
  ]
) {
  Deno.test(`fusion ${command} --help has an example`, async () => {
    const { status, output, errors } = await runMain(
      ...(command ? [command] : []),
      "--help",
    );
    assertEquals([status, errors], [0, []]);
    const example = /Examples?:\n((?: {2}.*\n?)+)/.exec(output)?.[1];
    assert(
      example?.includes(`fusion ${command}`.trim()) ||
        example?.includes("fusion method="),
      output,
    );
    if (command === "") {
      for (
        const name of ["evaluate", "predict", "inspect", "convert", "list"]
      ) {
        assert(output.includes(`  ${name} `), name);
      }
    }
  });
}

/** Specifiers that a module imports without `await import`, types left out. */
function staticImports(source: string): string[] {
  const code = source.replace(/\/\*[^]*?\*\//g, "");
  return Array.from(
    code.matchAll(
      /^(?:import|export)\s+(?!type\b)(?:[^"';]*?\bfrom\s+)?"([^"]+)"/gm,
    ),
    ([, specifier]) => specifier!,
  );
}

Deno.test("--help loads no TensorFlow.js", async () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const waiting = [new URL(`file://${dataPath("src/cli/main.ts")}`).href];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    if (seen.has(url)) continue;
    seen.add(url);
    for (
      const specifier of staticImports(await Deno.readTextFile(new URL(url)))
    ) {
      if (specifier.startsWith(".")) waiting.push(new URL(specifier, url).href);
      else packages.add(specifier);
    }
  }
  assertEquals([...packages].toSorted(), ["commander"]);
  // The walk sees what it should: a command's file does lead there.
  assert(
    staticImports(
      await Deno.readTextFile(dataPath("src/convnext/model.ts")),
    ).includes("@tensorflow/tfjs"),
  );
});
