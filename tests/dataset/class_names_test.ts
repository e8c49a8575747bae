import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  availableDatasets,
  getClassnames,
  getNumClasses,
} from "../../src/dataset/mod.ts";
import { ConfigError } from "../../src/fusion_error.ts";

/**
 * Of FusionBench's `get_classnames(name)`: number of names, and how the
 * SHA-256 begins of the names joined by line feeds.
 */
const FUSION_BENCH: Record<string, [count: number, digest: string]> = {
  "mnist": [10, "29dd21f55e4611d4"],
  "stanford-cars": [196, "93d089469409bbd0"],
  "stanford_cars": [196, "93d089469409bbd0"],
  "tanganke/stanford_cars": [196, "93d089469409bbd0"],
  "gtsrb": [43, "953036bc5aedbe6b"],
  "tanganke/gtsrb": [43, "953036bc5aedbe6b"],
  "resisc45": [45, "3c2177013901f0ef"],
  "tanganke/resisc45": [45, "3c2177013901f0ef"],
  "dtd": [47, "681d23b9cd3c2ede"],
  "tanganke/dtd": [47, "681d23b9cd3c2ede"],
  "eurosat": [10, "ee2e41b9973e7206"],
  "tanganke/eurosat": [10, "ee2e41b9973e7206"],
  "sun397": [397, "dd1277b1cfcf09ba"],
  "tanganke/sun397": [397, "dd1277b1cfcf09ba"],
  "cifar10": [10, "bb3914949cecedee"],
  "svhn": [10, "29dd21f55e4611d4"],
  "cifar100": [100, "3e2584150e2896e2"],
  "nateraw/rendered-sst2": [2, "2e61aa7558046c2c"],
  "rendered-sst2": [2, "2e61aa7558046c2c"],
  "tanganke/stl10": [10, "08b234ce7b11dbd3"],
  "stl10": [10, "08b234ce7b11dbd3"],
  "dpdl-benchmark/oxford_flowers102": [102, "f5a3bda044faf55b"],
  "oxford_flowers102": [102, "f5a3bda044faf55b"],
  "timm/oxford-iiit-pet": [37, "8e35ab44db27d55a"],
  "oxford-iiit-pet": [37, "8e35ab44db27d55a"],
  "imagenet": [1000, "937eaf0024f6061b"],
  "tiny-imagenet": [200, "7ec26bb291290c50"],
  "pcam": [2, "27352df7ede1fd87"],
  "fer2013": [7, "0fece1ddf1a3ebf7"],
  "emnist_mnist": [10, "29dd21f55e4611d4"],
  "emnist_letters": [26, "cfa4f846a6dbeb24"],
  "kmnist": [10, "420ad158d8f0775d"],
  "food101": [101, "9c0eeb5a368baacb"],
  "fashion_mnist": [10, "249370ed4284a97d"],
  "cub-200-2011": [200, "5c4ad6e85652ad6f"],
  "mango-leaf-disease": [8, "09603175b7185446"],
};

for (const [name, [count, digest]] of Object.entries(FUSION_BENCH)) {
  Deno.test(`class names of ${name} are FusionBench's, in its order`, async () => {
    const names = await getClassnames(name);
    assertEquals(names.length, count);
    assertEquals(await getNumClasses(name), count);
    const hash = await crypto.subtle.digest(
      "SHA-256",
      new TextEncoder().encode(names.join("\n")),
    );
    const start = Array.from(
      new Uint8Array(hash, 0, 8),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join("");
    assertEquals(start, digest);
    assertEquals(new Set(names).size, count, "a name occurs twice");
  });
}

Deno.test("the names FusionBench knows are all there, and no others", () => {
  assertEquals(availableDatasets().sort(), Object.keys(FUSION_BENCH).sort());
});

Deno.test("an alias gives the same names", async () => {
  for (
    const [alias, name] of [
      ["tanganke/sun397", "sun397"],
      ["tanganke/stanford_cars", "stanford-cars"],
      ["stanford_cars", "stanford-cars"],
      ["dpdl-benchmark/oxford_flowers102", "oxford_flowers102"],
      ["nateraw/rendered-sst2", "rendered-sst2"],
    ] as const
  ) {
    assert(await getClassnames(alias) === await getClassnames(name));
  }
});

Deno.test("an unknown name is answered with the nearest known one", async () => {
  for (
    const [wrong, right] of [
      ["sun-397", "sun397"],
      ["MNIST", "mnist"],
      ["fashion-mnist", "fashion_mnist"],
      ["stanfordcars", "stanford-cars"],
    ] as const
  ) {
    const error = await assertRejects(() => getClassnames(wrong), ConfigError);
    assertStringIncludes(
      error.message,
      `dataset_name ${wrong}: no class names`,
    );
    assertStringIncludes(error.message, `did you mean ${right}?`);
  }
  // A name that every object has is no data set either.
  await assertRejects(() => getClassnames("constructor"), ConfigError);
});
