import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { type EvaluationReport, modelCard } from "../../src/report/mod.ts";

/** The front matter as the Hub reads it: up to the next line of three dashes. */
function frontMatter(card: string): unknown {
  const match = /^---\n([^]*?)\n---\n/.exec(card);
  assert(match, card);
  return parse(match[1]!);
}

/** What stands outside of front matter, code fences and code spans. */
function prose(card: string): string {
  const body = card.replace(/^---\n[^]*?\n---\n/, "");
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of body.split("\n")) {
    const ticks = /^(`{3,})/.exec(line)?.[1];
    if (fence === undefined && ticks) fence = ticks;
    else if (fence !== undefined) {
      if (line.trimEnd() === fence) fence = undefined;
    } else lines.push(line);
  }
  assertEquals(fence, undefined, "a fence stays open");
  return lines.join("\n").replace(/(?<!`)(`+)(?!`)[^]*?(?<!`)\1(?!`)/g, "");
}

const report: EvaluationReport = {
  model_info: {
    trainable_params: 1,
    all_params: 1,
    trainable_percentage: 1,
  },
  mnist: { accuracy: 0.9441, loss: 0.20234 },
  emoji: { accuracy: 0.5, loss: 1 },
  average: { accuracy: 0.72205, loss: 0.60117 },
};

Deno.test("the card that FusionBench writes: front matter, models, configs, results", () => {
  const card = modelCard({
    baseModel: "facebook/convnext-base-224",
    models: ["tanganke/a", "b"],
    repositories: ["facebook/convnext-base-224", "tanganke/a"],
    algorithm: { method: "task_arithmetic", scaling_factor: 0.3 },
    modelpool: {
      models: {
        a: "tanganke/a",
        b: { config_path: "/home/someone/pool/b", pretrained: true },
      },
      train_datasets: { b: ["/home/someone/data/b", "data/b"] },
    },
    report,
  });
  assertEquals(frontMatter(card), {
    base_model: ["facebook/convnext-base-224", "tanganke/a"],
    library_name: "transformers",
    tags: ["convnext-fusion", "fusion-bench", "merge"],
  });
  const lines = card.split("\n");
  for (
    const line of [
      "# Deep Model Fusion",
      "## Models Merged",
      "- base model: `facebook/convnext-base-224`",
      "- `tanganke/a`",
      "- `b`",
      "### Algorithm Configuration",
      "### Model Pool Configuration",
      "## Results",
    ]
  ) assert(lines.includes(line), line);
  const yaml = (heading: string): unknown =>
    parse(card.split(heading)[1]!.split("```yaml\n")[1]!.split("```")[0]!);
  assertEquals(yaml("### Algorithm Configuration"), {
    method: "task_arithmetic",
    scaling_factor: 0.3,
  });
  assertEquals(yaml("### Model Pool Configuration"), {
    models: { a: "tanganke/a", b: { config_path: "b", pretrained: true } },
    train_datasets: { b: ["b", "data/b"] },
  });
  const rows = lines.filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  assertEquals(rows.map((row) => row.join(" ")), [
    "task accuracy loss",
    rows[1]!.join(" "),
    "`mnist` 94.41 0.2023",
    "`emoji` 50.00 1.0000",
    "`average` 72.20 0.6012",
  ]);
  assert(card.endsWith("|\n"));
});

Deno.test("a card without base model, configs and results has no empty sections", () => {
  const card = modelCard({ models: ["a"] });
  assertEquals(frontMatter(card), {
    library_name: "transformers",
    tags: ["convnext-fusion", "fusion-bench", "merge"],
  });
  for (
    const absent of ["base model:", "Configuration", "Results", "undefined"]
  ) {
    assert(!card.includes(absent), absent);
  }
});

const HOSTILE = [
  "a`b",
  "``",
  "a```\n# Heading\n```",
  "a\n---\n# Heading",
  "---",
  "a\n\n# Heading",
  "a | b || c",
  "key: value",
  "- item",
  "<script>alert(1)</script>",
  "[link](javascript:alert(1))",
  "![](https://evil.example/x.png)",
  "'\"",
  "# comment",
  "&anchor *alias !tag",
  "true",
  "1e3",
  "\u0000\u001b[31m\u2028",
  " spaced ",
];

for (const name of HOSTILE) {
  Deno.test(`a name cannot become markup: ${JSON.stringify(name)}`, () => {
    const card = modelCard({
      baseModel: name,
      models: [name, "plain"],
      repositories: [name, name, "plain"],
      algorithm: { method: name, [name]: name },
      modelpool: { models: { [name]: name } },
      report: { ...report, [name]: { accuracy: 1, loss: 0 } },
    });
    // Front matter holds the very name.
    assertEquals(
      (frontMatter(card) as { base_model: string[] }).base_model,
      [name, name, "plain"],
    );
    // Headings are the card's own; nothing of the name is loose text.
    const text = prose(card);
    assertEquals(
      text.split("\n").filter((line) => line.startsWith("#")),
      [
        "# Deep Model Fusion",
        "## Models Merged",
        "## Configuration",
        "### Algorithm Configuration",
        "### Model Pool Configuration",
        "## Results",
      ],
    );
    for (const markup of ["<script", "](", "evil"]) {
      assert(!text.includes(markup), text);
    }
    // Each row of the table has three cells.
    const rows = card.split("\n").filter((line) => /^\|.*\|$/.test(line));
    assertEquals(rows.length, 2 + 3 + 1);
    for (const row of rows) {
      assertEquals(row.replaceAll("\\|", "").split("|").length, 5, row);
    }
  });
}

Deno.test("a fine-tuned model's card says how it was trained, not merged", () => {
  const card = modelCard({
    models: ["owner/pretrained"],
    repositories: ["owner/pretrained"],
    training: { dataset: "mnist", optimizer: { name: "sgd", lr: 0.01 } },
  });
  assertEquals(
    card,
    [
      "---",
      "base_model:",
      "  - owner/pretrained",
      "library_name: transformers",
      "tags:",
      "  - convnext-fusion",
      "  - image-classification",
      "---",
      "",
      "# Fine-tuned ConvNeXt",
      "",
      "This model was fine-tuned with `@convnext/fusion`, from:",
      "",
      "- `owner/pretrained`",
      "",
      "## Configuration",
      "",
      "### Training Configuration",
      "",
      "```yaml",
      "dataset: mnist",
      "optimizer:",
      "  name: sgd",
      "  lr: 0.01",
      "```",
      "",
    ].join("\n"),
  );
});
