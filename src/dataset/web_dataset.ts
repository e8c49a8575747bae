import { DatasetError } from "../fusion_error.ts";
import {
  checkIndex,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
import { decodeImage } from "./image.ts";
import { isImageName } from "./image_names.ts";
import { LabelledDataset } from "./labelled_dataset.ts";
import { type ClassNameOptions, Labels, type StoredLabel } from "./labels.ts";
import { withFile } from "./positioned_file.ts";
import { tarEntries, type TarEntry } from "./tar_index.ts";

/** How to open WebDataset archives. */
export type WebDatasetOptions = ClassNameOptions;

/** One image, where it is. */
interface Sample {
  readonly path: string;
  readonly image: TarEntry;
  readonly label: StoredLabel;
}

const LARGEST_LABEL = 2 ** 20;

/**
 * Opens tar archives as WebDataset has them: files that follow each other and
 * have the same name up to its first dot are one example, of an image (such as
 * `key.jpg`) and its label (`key.cls`: a number or a name, or `key.json` with
 * `label`, `cls` or `class`). Images stay in the archive until they are read.
 *
 * @param name What error messages call the data set.
 * @param paths The archives, in order.
 * @throws {DatasetError} If an archive is damaged, or an example incomplete.
 * @see https://github.com/webdataset/webdataset
 */
export async function openWebDataset(
  name: string,
  paths: readonly string[],
  options: WebDatasetOptions = {},
): Promise<ImageClassificationDataset> {
  const samples: Sample[] = [];
  for (const path of paths) await indexArchive(path, samples);
  const labels = Labels.of(name, samples.map(({ label }) => label), options);
  return new WebDataset(name, labels, samples);
}

async function indexArchive(path: string, samples: Sample[]): Promise<void> {
  let key: string | undefined;
  let image: TarEntry | undefined;
  let label: StoredLabel | undefined;
  const finish = (): void => {
    // Files such as a README's are no examples.
    if (key === undefined || (!image && label === undefined)) return;
    if (!image || label === undefined) {
      throw new DatasetError(
        `${path}: example ${key} has no ${
          image ? "label" : "image"
        }, expected ${key}.${image ? "cls or .json" : "jpg"} next to it`,
      );
    }
    samples.push({ path, image, label });
  };
  await withFile(path, async (file) => {
    for await (const { read, ...entry } of tarEntries(file)) {
      const folder = entry.name.lastIndexOf("/") + 1;
      const dot = entry.name.indexOf(".", folder);
      const stem = dot < 0 ? entry.name : entry.name.slice(0, dot);
      if (stem !== key) {
        finish();
        key = stem;
        image = label = undefined;
      }
      const kind = dot < 0 ? "" : entry.name.slice(dot + 1).toLowerCase();
      if (isImageName(entry.name)) image ??= entry;
      else if (/^(cls|cls\.txt|label|json)$/.test(kind)) {
        if (entry.end - entry.begin > LARGEST_LABEL) {
          throw new DatasetError(
            `${path}: ${entry.name} has ${
              entry.end - entry.begin
            } bytes, expected a label of ${LARGEST_LABEL} at most`,
          );
        }
        const text = new TextDecoder().decode(await read()).trim();
        label ??= kind === "json"
          ? labelOfJson(text, `${path}: ${entry.name}`)
          : /^\d{1,9}$/.test(text)
          ? Number(text)
          : text;
      }
    }
    finish();
  });
}

function labelOfJson(text: string, where: string): StoredLabel | undefined {
  let content: Record<string, unknown> | null;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new DatasetError(`${where}: no JSON, expected an object`, {
      cause: error,
    });
  }
  const label = typeof content === "object" && content !== null
    ? content["label"] ?? content["cls"] ?? content["class"]
    : content;
  return typeof label === "number" || typeof label === "string"
    ? label
    : undefined;
}

class WebDataset extends LabelledDataset {
  constructor(
    name: string,
    labels: Labels,
    readonly samples: readonly Sample[],
  ) {
    super(name, labels);
  }

  get length(): number {
    return this.samples.length;
  }

  async read(index: number): Promise<ImageExample> {
    checkIndex(this, index);
    const { path, image, label } = this.samples[index]!;
    const where = `${path}: ${image.name}`;
    const bytes = await withFile(
      path,
      (file) => file.read(image.begin, image.end),
    );
    return {
      image: await decodeImage(bytes, where),
      label: this.labels.index(label, where),
    };
  }
}
