import { DatasetError } from "../fusion_error.ts";
import { nearestName } from "./nearest_name.ts";
import { oneLine } from "./reason.ts";

/** A label as it is stored: the index of a class, or its name. */
export type StoredLabel = number | string;

/** Whose names classes have. */
export interface ClassNameOptions {
  /** Class names in order of their labels. @default the labels, sorted */
  classNames?: readonly string[] | undefined;
  /** Names of the classes that stored numbers mean. */
  ownClassNames?: readonly string[] | undefined;
}

/** Most classes a data set can have; more are no classes but a column of ids. */
const MOST_CLASSES = 100_000;

/** Turns labels as they are stored into indices of classes. */
export class Labels {
  /** Class names in order of the labels, if known. */
  readonly classNames: readonly string[] | undefined;
  /** Whether those are the labels themselves, sorted. */
  readonly areSorted: boolean;
  readonly #own: readonly string[] | undefined;
  readonly #indices: ReadonlyMap<string, number> | undefined;

  /**
   * @param name What error messages call the data set.
   * @param own Names of the classes that stored numbers mean.
   * @param wanted Class names in the order that is wanted, if it is another.
   * @param areSorted Whether `own` are what {@linkcode classNamesOf} found.
   * @throws {DatasetError} If one of `own` is not in `wanted`.
   */
  constructor(
    name: string,
    own: readonly string[] | undefined,
    wanted: readonly string[] | undefined,
    areSorted: boolean = false,
  ) {
    this.areSorted = areSorted && !wanted && own !== undefined;
    this.#own = own;
    this.classNames = wanted ?? own;
    this.#indices = this.classNames &&
      new Map(this.classNames.map((className, i) => [className, i]));
    for (const className of own ?? []) this.#indexOf(className, name);
  }

  /**
   * Labels of a data set whose classes, where nobody names them, are the labels
   * that it has.
   *
   * @throws {DatasetError} As {@linkcode classNamesOf} and the constructor.
   */
  static of(
    name: string,
    stored: Iterable<StoredLabel>,
    { classNames, ownClassNames }: ClassNameOptions,
  ): Labels {
    const own = ownClassNames ??
      (classNames ? undefined : classNamesOf(stored, name));
    return new Labels(name, own, classNames, !ownClassNames);
  }

  /**
   * The index of a label's class.
   *
   * @param where What error messages call the place.
   * @throws {DatasetError} If there is no such class.
   */
  index(label: StoredLabel | undefined, where: string): number {
    if (typeof label === "string") return this.#indexOf(label, where);
    const names = this.#own ?? this.classNames;
    if (
      label === undefined || !Number.isInteger(label) || label < 0 ||
      label >= (names?.length ?? 2 ** 31)
    ) {
      throw new DatasetError(
        `${where}: label is ${label ?? "missing"}, expected ${
          names ? `0 to ${names.length - 1}` : "a class's number from 0"
        }`,
      );
    }
    return this.#own ? this.#indices!.get(this.#own[label]!)! : label;
  }

  #indexOf(className: string, where: string): number {
    const index = this.#indices?.get(className);
    if (index !== undefined) return index;
    const names = this.classNames ?? [];
    throw new DatasetError(
      `${where}: class ${
        JSON.stringify(className.slice(0, 80))
      } is none of the ${names.length} classes${
        names.length === 0
          ? ""
          : `, did you mean ${
            oneLine(`${nearestName(className.slice(0, 80), names)}`)
          }?`
      }`,
    );
  }
}

/**
 * The classes that names, all of a data set's labels, stand for: sorted.
 *
 * @throws {DatasetError} If there are too many for classes.
 */
export function classNamesOf(
  labels: Iterable<StoredLabel | undefined>,
  name: string,
): string[] | undefined {
  const names = new Set<string>();
  for (const label of labels) {
    if (typeof label !== "string") continue;
    names.add(label);
    if (names.size > MOST_CLASSES) {
      throw new DatasetError(
        `${name}: more than ${MOST_CLASSES} different labels, expected the names of classes`,
      );
    }
  }
  return names.size === 0 ? undefined : [...names].sort();
}

/** Names of columns that hold images, the likeliest first. */
export const IMAGE_COLUMNS: readonly string[] = [
  "image",
  "file_name",
  "img",
  "images",
  "image_path",
  "filename",
  "file",
  "path",
  "jpg",
  "png",
  "webp",
];

/** Names of columns that hold labels, the likeliest first. */
export const LABEL_COLUMNS: readonly string[] = [
  "label",
  "labels",
  "fine_label",
  "class",
  "category",
  "target",
  "cls",
  "label_id",
  "class_name",
];
