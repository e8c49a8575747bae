import type { EvaluationReport } from "./evaluation_report.ts";
import { taskResults } from "./evaluation_report.ts";

/** A share as a percentage with two decimals: 0.9440 gives `94.40`. */
export function percentage(share: number): string {
  return (100 * share).toFixed(2);
}

/**
 * A Markdown table; the first column is left-aligned, the others right. What
 * would end a cell, a line or (in a terminal) change colours stays text.
 */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const [head = [], ...body] = [header, ...rows].map((row) => row.map(cellOf));
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...body].map((row) => (row[column] ?? "").length))
  );
  const line = (cells: readonly string[]): string =>
    `| ${
      cells.map((cell, i) =>
        i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
      ).join(" | ")
    } |`;
  const rule = widths.map((width, i) =>
    i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [line(head), line(rule), ...body.map(line)].join("\n");
}

function cellOf(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").replaceAll("|", "\\|");
}

/**
 * Accuracies in percent, tasks across and models down.
 *
 * @param reports Reports by model, over the same tasks.
 * @param merges Which of them are merges: the one with the best average is
 * marked with `*`.
 */
export function accuracyTable(
  reports: ReadonlyMap<string, EvaluationReport>,
  merges: readonly string[] = [],
): string {
  const first = reports.values().next().value;
  const tasks = first ? [...taskResults(first).keys()] : [];
  const average = (name: string): number =>
    reports.get(name)?.average.accuracy ?? -Infinity;
  const best = merges.toSorted((a, b) => average(b) - average(a))[0];
  return markdownTable(
    ["model", ...tasks, "average"],
    Array.from(reports, ([name, report]) => {
      const results = taskResults(report);
      return [
        name === best ? `${name} *` : name,
        ...tasks.map((task) => percentage(results.get(task)?.accuracy ?? NaN)),
        percentage(report.average.accuracy),
      ];
    }),
  );
}
