import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import * as fc from "fast-check";
import { accuracyTable, modelCard } from "../../src/report/mod.ts";
import { fuzz } from "./mutations.ts";

/** Names that would like to be markup. */
const name = fc.oneof(
  fc.array(
    fc.constantFrom(
      ..."`|\\<>[]()!#*_-~&;:'\"{}%@= \t\n\r\u2028\u0085\u0000".split(""),
      "```",
      "~~~",
      "---\n",
      "\n\n",
      "<script>",
      "](javascript:",
      "![x](http://x)",
      "<!--",
      "a",
    ),
    { minLength: 1, maxLength: 25 },
  ).map((parts) => parts.join("")),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
);

/** Takes out a fence of at least three backticks with all in it. */
const FENCED = /^(`{3,})[^`\n]*\n[^]*?\n\1`*[ \t]*$/gm;

/** Takes out code spans: from a run of backticks to the next of its length. */
const CODE_SPAN = /(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g;

/** What of a card is neither front matter nor code, and so could be markup. */
function loose(card: string): string {
  return card
    .replace(/^---\n[^]*?\n---\n/, "")
    .replace(FENCED, "<fence>")
    .replace(CODE_SPAN, "<code>")
    // Columns are as wide as what stands in them.
    .replace(/ +/g, " ").replace(/-{3,}/g, "---");
}

const results = { accuracy: 0.5, loss: 0.25 };

/** A card with the same name in every place that sources fill. */
function cardOf(name: string): string {
  return modelCard({
    baseModel: name,
    models: [name, "plain"],
    repositories: [name, name, "plain"],
    warnings: [name],
    algorithm: { method: name, [`k${name}`]: [name] },
    modelpool: { models: { [`k${name}`]: name } },
    report: {
      model_info: {
        trainable_params: 1,
        all_params: 1,
        trainable_percentage: 1,
        name,
      },
      [`t${name}`]: results,
      average: results,
    },
  });
}

Deno.test("fuzz: no name from a source is loose text in a model card", async () => {
  const plain = loose(cardOf("plain"));
  assert(plain.includes("<code>") && plain.includes("<fence>"), plain);
  await fuzz(
    "model card",
    fc.asyncProperty(name, async (name) => {
      const card = cardOf(name);
      assertEquals(loose(card), plain);
      const [, front] = /^---\n([^]*?)\n---\n/.exec(card)!;
      const { base_model } = parse(front!) as { base_model: string[] };
      assertEquals(base_model, [name, name, "plain"]);
      await Promise.resolve();
    }),
    5,
  );
});

Deno.test("fuzz: a table that is printed has a line for each model", async () => {
  await fuzz(
    "table of accuracies",
    fc.asyncProperty(name, async (name) => {
      const report = {
        model_info: {
          trainable_params: 1,
          all_params: 1,
          trainable_percentage: 1,
        },
        [`t${name}`]: results,
        average: results,
      };
      const table = accuracyTable(new Map([[name, report]]));
      assertEquals(table.split(/[\n\r\u0085\u2028\u2029]/).length, 3, table);
      // deno-lint-ignore no-control-regex
      assert(!/[\u0000-\u0009\u000b-\u001f\u007f]/.test(table), table);
      await Promise.resolve();
    }),
    5,
  );
});
