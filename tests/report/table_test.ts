import { assertEquals } from "@std/assert";
import {
  accuracyTable,
  averageResult,
  type EvaluationReport,
  markdownTable,
  percentage,
  taskResults,
} from "../../src/report/mod.ts";

function report(accuracies: Record<string, number>): EvaluationReport {
  const results = Object.fromEntries(
    Object.entries(accuracies).map((
      [task, accuracy],
    ) => [task, { accuracy, loss: 1 - accuracy }]),
  );
  return {
    model_info: {
      trainable_params: 1,
      all_params: 1,
      trainable_percentage: 1,
    },
    ...results,
    average: averageResult(Object.values(results)),
  };
}

Deno.test("accuracyTable: tasks across, models down, the best merge is marked", () => {
  const reports = new Map([
    ["pretrained", report({ mnist: 0.9, emoji: 0.3 })],
    ["mnist", report({ mnist: 0.944, emoji: 0.28 })],
    ["simple_average", report({ mnist: 0.6, emoji: 0.4 })],
    ["ties_merging", report({ mnist: 0.7, emoji: 0.4 })],
  ]);
  assertEquals(
    accuracyTable(reports, ["simple_average", "ties_merging"]),
    `
| model          | mnist | emoji | average |
| -------------- | ----: | ----: | ------: |
| pretrained     | 90.00 | 30.00 |   60.00 |
| mnist          | 94.40 | 28.00 |   61.20 |
| simple_average | 60.00 | 40.00 |   50.00 |
| ties_merging * | 70.00 | 40.00 |   55.00 |
`.trim(),
  );
  assertEquals(accuracyTable(reports).includes("*"), false);
});

Deno.test("accuracyTable: of equal merges the first is marked; nothing to show is no error", () => {
  const same = report({ mnist: 0.5 });
  const rows = accuracyTable(new Map([["a", same], ["b", same]]), ["a", "b"])
    .split("\n").slice(2);
  assertEquals(rows.map((row) => row.includes("*")), [true, false]);
  assertEquals(
    accuracyTable(new Map()),
    "| model | average |\n| ----- | ------: |",
  );
});

Deno.test("averages and percentages", () => {
  const { accuracy, loss } = averageResult([
    { accuracy: 1, loss: 0 },
    { accuracy: 0.5, loss: 2 },
  ]);
  assertEquals([accuracy, loss], [0.75, 1]);
  assertEquals([0.944, 1, 0.00004].map(percentage), [
    "94.40",
    "100.00",
    "0.00",
  ]);
  assertEquals([...taskResults(report({ mnist: 0.5 })).keys()], ["mnist"]);
});

Deno.test("markdownTable: a bar or a line break in a cell stays in its cell", () => {
  assertEquals(
    markdownTable(["a|b", "n"], [["x\ny", "1"]]),
    "| a\\|b |   n |\n| ---- | --: |\n| x y  |   1 |",
  );
});
