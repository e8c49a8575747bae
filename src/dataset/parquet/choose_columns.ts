import { DatasetError } from "../../fusion_error.ts";
import { IMAGE_COLUMNS, LABEL_COLUMNS } from "../labels.ts";
import { oneLine } from "../reason.ts";
import type { ColumnType } from "./page.ts";
import type { ParquetFooter } from "./parquet_file.ts";

/** The columns of an image data set. */
export interface ImageColumns {
  /** Encoded images, or paths where `isPath`. */
  readonly image: ColumnType;
  /** Whether `image` holds paths. */
  readonly isPath: boolean;
  /** Paths of images that have no bytes. */
  readonly path: ColumnType | undefined;
  /** Numbers or names of classes. */
  readonly label: ColumnType;
  /** Names of the classes that the numbers mean. */
  readonly classNames: readonly string[] | undefined;
}

/** Which columns to take, where their names do not tell. */
export interface ColumnOptions {
  /** Column of the images. @default `image`, or what the features say */
  imageColumn?: string | undefined;
  /** Column of the labels. @default `label`, or what the features say */
  labelColumn?: string | undefined;
}

interface Feature {
  _type?: unknown;
  names?: unknown;
}

/**
 * Chooses the columns of images and labels by the features that `datasets`
 * writes beside the schema, else by their names.
 *
 * @throws {DatasetError} If there are none; says which columns there are.
 */
export function chooseColumns(
  footer: ParquetFooter,
  file: string,
  options: ColumnOptions,
): ImageColumns {
  const features = featuresOf(footer.metadata.get("huggingface"));
  const { columns } = footer;
  const names = [...new Set([...columns.values()].map(({ path }) => path[0]!))];
  const ofType = (type: string): string[] =>
    names.filter((name) => features[name]?._type === type);
  const choose = (
    what: string,
    given: string | undefined,
    byType: readonly string[],
    byName: readonly string[],
  ): string => {
    const chosen = given ??
      byName.find((name) => byType.includes(name)) ??
      (byType.length === 1
        ? byType[0]
        : byName.find((name) => names.includes(name)) ?? byType[0]);
    if (chosen !== undefined && names.includes(chosen)) return chosen;
    throw new DatasetError(
      `${file}: no column ${given ?? `of ${what}`}, found ${
        oneLine(names.slice(0, 20).join(", ")) || "none"
      }, expected one such as ${byName[0]}`,
    );
  };
  const imageName = choose(
    "images",
    options.imageColumn,
    ofType("Image"),
    IMAGE_COLUMNS,
  );
  const labelName = choose(
    "labels",
    options.labelColumn,
    ofType("ClassLabel"),
    LABEL_COLUMNS,
  );
  const plain = columns.get(imageName);
  const image = plain ?? columns.get(`${imageName}.bytes`);
  const label = columns.get(labelName);
  if (image?.type !== "BYTE_ARRAY") {
    throw new DatasetError(
      `${file}: column ${oneLine(imageName)} is ${
        image?.type ?? "nested"
      }, expected images: bytes, paths, or structs of both`,
    );
  }
  if (!label || !/^(INT32|INT64|BYTE_ARRAY)$/.test(label.type)) {
    throw new DatasetError(
      `${file}: column ${oneLine(labelName)} is ${
        label?.type ?? "nested"
      }, expected labels: integers or text`,
    );
  }
  const labelNames = features[labelName]?.names;
  return {
    image,
    isPath: plain !== undefined && features[imageName]?._type === "Value" &&
      features[imageName].dtype === "string",
    path: plain ? undefined : columns.get(`${imageName}.path`),
    label,
    classNames: Array.isArray(labelNames) &&
        labelNames.every((name) => typeof name === "string")
      ? labelNames
      : undefined,
  };
}

function featuresOf(
  text: string | undefined,
): Record<string, Feature & { dtype?: unknown }> {
  try {
    const features = JSON.parse(text ?? "{}")?.info?.features;
    return Object.fromEntries(
      Object.entries(features ?? {}).filter(([, feature]) =>
        typeof feature === "object" && feature !== null
      ),
    ) as Record<string, Feature & { dtype?: unknown }>;
  } catch {
    return {}; // a hint that cannot be read is none
  }
}
