import {
  availableDatasets,
  getClassnames,
  type ImageClassificationDataset,
} from "../dataset/mod.ts";
import { DatasetError, ModelPoolError } from "../fusion_error.ts";

/**
 * The head's class for each class of a data set; undefined where their labels
 * are the head's already.
 *
 * Folders are sorted by name, a head's classes are in training's order: names
 * decide. A data set that says itself which number each class has, and calls
 * them otherwise than the head, is taken to be in the head's order; so is any
 * under a head without names (`LABEL_0`, …).
 *
 * @param labelNames The head's classes.
 * @throws {DatasetError} If a class, or every class, is none of the head's.
 */
export function headLabelsOf(
  { name, classNames, classesAreSorted }: ImageClassificationDataset,
  labelNames: readonly string[],
  task: string,
): number[] | undefined {
  if (!classNames) return undefined;
  const labels = classNames.map((className) => labelNames.indexOf(className));
  if (labels.every((label) => label >= 0)) return labels;
  if (labels.every((label) => label < 0)) {
    if (!classesAreSorted || isUnnamed(labelNames)) return undefined;
    // Folders may be named by the labels themselves.
    if (classNames.every(isLabel)) {
      return classNames.map(Number);
    }
    throw new DatasetError(
      `${name}: none of its classes (${
        some(classNames)
      }) is one of the head of task ${task}, which has ${some(labelNames)}`,
    );
  }
  throw new DatasetError(
    `${name}: class ${
      classNames[labels.indexOf(-1)]
    } is not one of the head of task ${task}, which has ${
      labelNames.join(", ")
    }`,
  );
}

/**
 * Checks that a model's only head can serve a task: that what is known of the
 * task's classes, from its data set or by its name, fits the head's.
 *
 * @param model What messages call the model.
 * @param tasks All tasks that this head is asked to serve.
 * @throws {ModelPoolError} If the classes differ, or, with several tasks, if
 * nothing is known of one's.
 */
export async function checkOnlyHead(
  model: string,
  labelNames: readonly string[],
  task: string,
  dataset: ImageClassificationDataset,
  tasks: readonly string[],
): Promise<void> {
  const known = [
    dataset.classNames,
    availableDatasets().includes(task) ? await getClassnames(task) : undefined,
  ].filter((names) => names !== undefined);
  const refuse = (reason: string): never => {
    throw new ModelPoolError(
      `model ${model}: its only head, of ${labelNames.length} classes (${
        some(labelNames)
      }), is not one for task ${task}, ${reason}`,
    );
  };
  if (known.length === 0) {
    if (tasks.length === 1) return;
    refuse(
      `whose classes are not known: expected a model with a head for each of the tasks ${
        tasks.join(", ")
      }, or a task pool of one task`,
    );
  }
  // Folders need not have an image of every class.
  const fits = known.some((names) =>
    dataset.classNames === names && dataset.classesAreSorted
      ? names.length <= labelNames.length
      : names.length === labelNames.length
  );
  const classes = known[0]!;
  if (!fits) refuse(`which has ${classes.length} classes (${some(classes)})`);
  const own = new Set(labelNames.map(letters));
  if (
    !isUnnamed(labelNames) &&
    !known.some((names) => names.some((name) => own.has(letters(name)))) &&
    !(dataset.classesAreSorted && dataset.classNames?.every(isLabel))
  ) refuse(`whose classes are others (${some(classes)})`);
}

/** Whether a class is called by its label. */
function isLabel(className: string): boolean {
  return /^\d{1,7}$/.test(className);
}

/** A name's letters and digits: data sets differ in how they write the rest. */
function letters(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/** transformers' names for the classes of a head that was given none. */
function isUnnamed(labelNames: readonly string[]): boolean {
  return labelNames.every((label, i) => label === `LABEL_${i}`);
}

function some(names: readonly string[]): string {
  return names.length <= 5
    ? names.join(", ")
    : `${names.slice(0, 4).join(", ")}, …`;
}
