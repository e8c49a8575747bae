import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createHash } from "node:crypto";
import { AutoImageProcessor } from "../../src/convnext/mod.ts";
import { decodeImage, type RgbImage } from "../../src/dataset/mod.ts";
import { ConfigError, DatasetError } from "../../src/fusion_error.ts";

const data = new URL("../data/", import.meta.url);

function noise(width: number, height: number, seed = 1): RgbImage {
  let state = seed;
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { width, height, data: pixels };
}

/**
 * SHA-256 of the RGB bytes of `golden/process/NAME.SIZE.png` of the reference:
 * equal to the last bit or not is all that is asked, and the pictures are large.
 */
const goldens: Record<string, string> = JSON.parse(
  await Deno.readTextFile(new URL("golden/process.json", data)),
);

const names = [...Deno.readDirSync(new URL("images/", data))]
  .map(({ name }) => name).sort();

for (const name of names) {
  Deno.test(`${name} is preprocessed to transformers' pixels`, async () => {
    const image = await decodeImage(new URL(`images/${name}`, data));
    for (const size of [32, 224, 384]) {
      const processor = new AutoImageProcessor({ size, crop_pct: 0.875 });
      const pixels = processor.processToPixels(image);
      assertEquals([pixels.width, pixels.height], [size, size]);
      assertEquals(
        createHash("sha256").update(pixels.data).digest("hex"),
        goldens[`${name}.${size}`],
        `${name} at ${size} differs`,
      );
    }
  });
}

Deno.test("pixel values have transformers' float32 arithmetic", () => {
  const processor = new AutoImageProcessor({
    do_resize: false,
    rescale_factor: 0.00392156862745098,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
  });
  const { data, shape } = processor.preprocess([
    { width: 2, height: 1, data: Uint8Array.of(0, 127, 255, 13, 200, 78) },
  ]);
  assertEquals(shape, [1, 1, 2, 3]);
  // From ConvNextImageProcessorPil of transformers 5.23.0.
  assertEquals([...data], [
    ...Float32Array.of(
      -2.1179039478302,
      0.18767505884170532,
      2.640000104904175,
      -1.8952821493148804,
      1.465686321258545,
      -0.44496724009513855,
    ),
  ]);
});

Deno.test("without fields, transformers' defaults hold", () => {
  const config = new AutoImageProcessor({}).toConfig();
  assertEquals(config.size, { shortest_edge: 384 });
  assertEquals(config.crop_pct, 0.875);
  assertEquals(config.resample, 3);
  assertEquals(config.image_mean, [0.5, 0.5, 0.5]);
  const { data, shape } = new AutoImageProcessor({}).preprocess([
    { width: 1, height: 1, data: Uint8Array.of(0, 255, 255) },
  ]);
  assertEquals(shape, [1, 384, 384, 3]);
  assertEquals([...data.slice(0, 3)], [-1, 1, 1]);
});

Deno.test("cropping while resizing equals resizing, then cropping", () => {
  for (const [width, height] of [[50, 31], [31, 50], [40, 40], [1, 9]]) {
    const image = noise(width!, height!);
    const [resized, cropped] = [1, 0.7].map((crop_pct) =>
      new AutoImageProcessor({ size: 28, crop_pct }).processToPixels(image)
    );
    assertEquals([resized!.width, resized!.height], [28, 28]);
    assertEquals([cropped!.width, cropped!.height], [28, 28]);
    const whole = new AutoImageProcessor({ size: { height: 40, width: 40 } })
      .processToPixels(image);
    if (width !== height) continue;
    for (let y = 0; y < 28; y++) {
      const row = ((y + 6) * 40 + 6) * 3;
      assertEquals(
        cropped!.data.slice(y * 84, (y + 1) * 84),
        whole.data.slice(row, row + 84),
      );
    }
  }
});

Deno.test("an image smaller than the crop gets a black margin", () => {
  const white = { width: 4, height: 4, data: new Uint8Array(48).fill(255) };
  const { data, width, height } = new AutoImageProcessor({
    size: 8,
    crop_pct: 2,
  }).processToPixels(white);
  assertEquals([width, height], [8, 8]);
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      const inside = Math.min(x, y) >= 2 && Math.max(x, y) < 6;
      assertEquals(data[(y * 8 + x) * 3], inside ? 255 : 0);
    }
  }
});

Deno.test("a batch's images do not influence each other", () => {
  const processor = new AutoImageProcessor({ size: 16 });
  const images = [noise(20, 30, 1), noise(40, 17, 2), noise(16, 16, 3)];
  const batch = processor.preprocess(images);
  const single = images.map((image) => processor.preprocess([image]).data);
  assertEquals(batch.shape, [3, 16, 16, 3]);
  assertEquals([...batch.data], single.flatMap((data) => [...data]));
});

Deno.test("toTensor holds the same numbers", async () => {
  const processor = new AutoImageProcessor({ size: 16 });
  const tensor = processor.toTensor([noise(20, 30)]);
  assertEquals(tensor.shape, [1, 16, 16, 3]);
  assertEquals(
    [...await tensor.data()],
    [...processor.preprocess([noise(20, 30)]).data],
  );
  tensor.dispose();
});

Deno.test("a saved config is read again, unknown fields and all", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const config = {
      crop_pct: 0.9,
      size: 32,
      image_mean: 0.4,
      my_own_field: { kept: true },
    };
    await new AutoImageProcessor(config).save(folder);
    const again = await AutoImageProcessor.fromPretrained(folder);
    assertEquals(again.toConfig(), new AutoImageProcessor(config).toConfig());
    assertEquals(again.toConfig().my_own_field, { kept: true });
    assertEquals(
      again.toConfig().image_processor_type,
      "ConvNextImageProcessor",
    );
    assertEquals(
      again.preprocess([noise(40, 40)]).data,
      new AutoImageProcessor(config).preprocess([noise(40, 40)]).data,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a wrong field is named with what was expected", () => {
  const wrong: [Record<string, unknown>, string][] = [
    [{ size: -3 }, "size is -3, expected a number of pixels"],
    [{ size: { longest_edge: 3 } }, 'size is {"longest_edge":3}'],
    [{ crop_pct: 0 }, "crop_pct is 0, expected a number from 0.01 to 10"],
    [{ resample: 9 }, "resample is 9, expected Pillow's number"],
    [{ image_std: [1, 2] }, "image_std is [1,2], expected a number or one"],
    [
      { image_processor_type: "ViTImageProcessor" },
      'image_processor_type is "ViTImageProcessor", expected ConvNext',
    ],
    [{ do_resize: "yes" }, 'do_resize is "yes"'],
  ];
  for (const [config, message] of wrong) {
    const error = assertThrows(
      () => new AutoImageProcessor(config, "p.json"),
      ConfigError,
    );
    assertStringIncludes(error.message, `p.json: ${message}`);
  }
});

Deno.test("a missing or broken file is named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const missing = await assertRejects(
      () => AutoImageProcessor.fromPretrained(folder),
      ConfigError,
    );
    assertStringIncludes(
      missing.message,
      "preprocessor_config.json: not found",
    );
    await Deno.writeTextFile(`${folder}/preprocessor_config.json`, "{");
    const broken = await assertRejects(
      () => AutoImageProcessor.fromPretrained(folder),
      ConfigError,
    );
    assertStringIncludes(broken.message, "preprocessor_config.json: not JSON");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("images of different sizes cannot be one batch unresized", () => {
  const processor = new AutoImageProcessor({ do_resize: false });
  assertThrows(
    () => processor.preprocess([noise(2, 2), noise(2, 3)]),
    DatasetError,
    "image 1 of a batch is 2×3 pixels, expected 2×2",
  );
});
