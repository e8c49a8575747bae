/**
 * `deno task bench NAME …` runs NAME.ts of this folder with the arguments that
 * follow.
 *
 * @module
 */

/** The benchmarks by name: files of this folder that export `bench`. */
const BENCHMARKS = ["inference", "merge", "evaluate", "accuracy"];

const [name, ...args] = Deno.args;
if (name === undefined || !BENCHMARKS.includes(name)) {
  console.error(
    `deno task bench: found ${name ?? "no name"}, expected one of ${
      BENCHMARKS.join(", ")
    }`,
  );
  Deno.exit(2);
}
const { bench } = await import(new URL(`./${name}.ts`, import.meta.url).href);
await bench(args);
