import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { type BackendChoice, useBackend } from "../src/backend/mod.ts";
import { AutoImageProcessor, createConvNext } from "../src/convnext/mod.ts";
import { decodeImage } from "../src/dataset/mod.ts";
import { ImageClassificationTaskPool } from "../src/taskpool/mod.ts";
import { configOfSize } from "./convnext_sizes.ts";

const FILES = 100;
const BATCH = 8;
const PART = 200;

/** Photographs of 500 x 375 pixels as JPEG files, made of one. */
async function makeFiles(folder: string): Promise<string[]> {
  const { default: sharp } = await import("sharp");
  const photo = new URL("../tests/data/images/large.jpg", import.meta.url);
  const bytes = await Deno.readFile(photo);
  return await Promise.all(
    Array.from({ length: FILES }, async (_, i) => {
      const path = join(folder, `${i}.jpg`);
      await sharp(bytes).resize(500, 375, { fit: "fill" })
        .modulate({ hue: 3 * i }).jpeg({ quality: 90 }).toFile(path);
      return path;
    }),
  );
}

/**
 * Evaluating from JPEG files (read, decode, resize, model) beside the model
 * alone on the same number of images, in turns.
 *
 * @param args `backend=`, `size=`, `images=`.
 */
export async function bench(args: string[]): Promise<void> {
  const options = Object.fromEntries(args.map((arg) => arg.split("=")));
  const { name, device } = await useBackend(
    (options.backend ?? "tensorflow") as BackendChoice,
  );
  const images = Number(options.images ?? 2000);
  const size = options.size ?? "tiny";
  const model = createConvNext(configOfSize(size));
  const folder = await Deno.makeTempDir();
  const paths = await makeFiles(folder);
  const pool = new ImageClassificationTaskPool({
    test_datasets: {
      photographs: {
        name: folder,
        length: PART,
        read: async (index) => ({
          image: await decodeImage(paths[index % FILES]!),
          label: 0,
        }),
      },
    },
    processor: new AutoImageProcessor({ size: { shortest_edge: 224 } }),
    dataloader_kwargs: { batch_size: BATCH },
  });
  const pixels = tf.zeros([BATCH, 224, 224, 3]);
  const alone = async (): Promise<void> => {
    const logits = tf.tidy(() => model.apply(pixels) as tf.Tensor);
    await logits.data();
    logits.dispose();
  };
  await alone();
  const times = { files: 0, model: 0 };
  for (let done = 0; done < images; done += PART) {
    let begin = performance.now();
    await pool.evaluate(model);
    times.files += performance.now() - begin;
    begin = performance.now();
    for (let i = 0; i < PART; i += BATCH) await alone();
    times.model += performance.now() - begin;
  }
  await Deno.remove(folder, { recursive: true });
  console.log(
    `${name} (${device}), convnext-${size}, ${images} JPEG files, batches of ${BATCH}: ${
      (times.files / images).toFixed(1)
    } ms per image from file to score, ${
      (times.model / images).toFixed(1)
    } ms the model alone: ${(times.files / times.model).toFixed(2)} x`,
  );
}
