import { ConfigError } from "../fusion_error.ts";
import { nearestName } from "./nearest_name.ts";

// Imported when asked for, so that no command pays for lists it does not use.
const LISTS: Readonly<
  Record<string, () => Promise<{ default: readonly string[] }>>
> = {
  "mnist": () => import("./class_names/mnist.ts"),
  "stanford-cars": () => import("./class_names/stanford_cars.ts"),
  "stanford_cars": () => import("./class_names/stanford_cars.ts"),
  "tanganke/stanford_cars": () => import("./class_names/stanford_cars.ts"),
  "gtsrb": () => import("./class_names/gtsrb.ts"),
  "tanganke/gtsrb": () => import("./class_names/gtsrb.ts"),
  "resisc45": () => import("./class_names/resisc45.ts"),
  "tanganke/resisc45": () => import("./class_names/resisc45.ts"),
  "dtd": () => import("./class_names/dtd.ts"),
  "tanganke/dtd": () => import("./class_names/dtd.ts"),
  "eurosat": () => import("./class_names/eurosat.ts"),
  "tanganke/eurosat": () => import("./class_names/eurosat.ts"),
  "sun397": () => import("./class_names/sun397.ts"),
  "tanganke/sun397": () => import("./class_names/sun397.ts"),
  "cifar10": () => import("./class_names/cifar10.ts"),
  "svhn": () => import("./class_names/svhn.ts"),
  "cifar100": () => import("./class_names/cifar100.ts"),
  "nateraw/rendered-sst2": () => import("./class_names/rendered_sst2.ts"),
  "rendered-sst2": () => import("./class_names/rendered_sst2.ts"),
  "tanganke/stl10": () => import("./class_names/stl10.ts"),
  "stl10": () => import("./class_names/stl10.ts"),
  "dpdl-benchmark/oxford_flowers102": () =>
    import("./class_names/flower102.ts"),
  "oxford_flowers102": () => import("./class_names/flower102.ts"),
  "timm/oxford-iiit-pet": () => import("./class_names/oxford_iiit_pet.ts"),
  "oxford-iiit-pet": () => import("./class_names/oxford_iiit_pet.ts"),
  "imagenet": () => import("./class_names/imagenet.ts"),
  "tiny-imagenet": () => import("./class_names/tiny_imagenet.ts"),
  "pcam": () => import("./class_names/pcam.ts"),
  "fer2013": () => import("./class_names/fer2013.ts"),
  "emnist_mnist": () => import("./class_names/emnist_mnist.ts"),
  "emnist_letters": () => import("./class_names/emnist_letters.ts"),
  "kmnist": () => import("./class_names/kmnist.ts"),
  "food101": () => import("./class_names/food101.ts"),
  "fashion_mnist": () => import("./class_names/fashion_mnist.ts"),
  "cub-200-2011": () => import("./class_names/cub_200_2011.ts"),
  "mango-leaf-disease": () => import("./class_names/mango_leaf_disease.ts"),
};

/** Names that {@linkcode getClassnames} knows: FusionBench's, aliases too. */
export function availableDatasets(): string[] {
  return Object.keys(LISTS);
}

/**
 * Class names of a data set in order of their labels, equal to FusionBench's
 * `get_classnames`.
 *
 * @param datasetName A name such as `sun397`, or its repository's on the hub.
 * @throws {ConfigError} If FusionBench has none of that name; suggests one.
 */
export async function getClassnames(
  datasetName: string,
): Promise<readonly string[]> {
  const load = Object.hasOwn(LISTS, datasetName)
    ? LISTS[datasetName]
    : undefined;
  if (load) return (await load()).default;
  throw new ConfigError(
    `dataset_name ${datasetName}: no class names known, did you mean ${
      nearestName(datasetName, availableDatasets())
    }? (\`fusion list dataset_name\` shows all)`,
  );
}

/**
 * Number of classes of a data set.
 * @throws {ConfigError} If the name is unknown.
 */
export async function getNumClasses(datasetName: string): Promise<number> {
  return (await getClassnames(datasetName)).length;
}
