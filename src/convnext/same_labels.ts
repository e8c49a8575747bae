import { type ConvNextConfig, numLabels } from "./config.ts";

/** Whether two configs name the same classes in the same order. */
export function sameLabels(a: ConvNextConfig, b: ConvNextConfig): boolean {
  return numLabels(a) === numLabels(b) &&
    Object.entries(a.id2label).every(([id, label]) => b.id2label[id] === label);
}
