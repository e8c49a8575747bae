import {
  AutoImageProcessor,
  createConvNext,
  parseConvNextConfig,
  saveModel,
  useBackend,
} from "../../mod.ts";
import { withSeededRandom } from "../../src/training/random.ts";
import { Random } from "./random.ts";

/** Writes a ConvNeXt of 498,000 parameters with random weights. */
export async function writeInitialModel(folder: string): Promise<void> {
  await useBackend("cpu");
  const config = parseConvNextConfig({
    architectures: ["ConvNextForImageClassification"],
    model_type: "convnext",
    depths: [2, 2, 4, 2],
    hidden_sizes: [16, 32, 64, 128],
    hidden_act: "gelu",
    image_size: 32,
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    layer_scale_init_value: 0.1,
    num_channels: 3,
    patch_size: 2,
    id2label: { 0: "a", 1: "b" },
  }, "initial");
  const random = new Random("initial weights");
  const model = withSeededRandom(
    () => random.uniform(),
    () => createConvNext(config),
  );
  const processor = new AutoImageProcessor({
    image_processor_type: "ConvNextImageProcessor",
    do_resize: true,
    size: { shortest_edge: 32 },
    crop_pct: 1,
    resample: 3,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
  });
  await saveModel(model, folder, { processor, card: { models: [] } });
  model.dispose();
}
