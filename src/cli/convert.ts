import * as z from "zod";
import { useBackend } from "../backend/mod.ts";
import { checkNotSource, replaceFolder } from "../checkpoint/mod.ts";
import { BACKEND_CHOICES, composeConfig } from "../config/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { resolveModelPath } from "../hub/mod.ts";
import {
  MODEL_FORMATS,
  openConversionSource,
  writeConversion,
} from "./convert_model.ts";
import { rejectPositional } from "./reject_positional.ts";
import { tellBackend } from "./tell_backend.ts";
import { WEIGHT_FILES } from "./write_tensors.ts";

const schema = z.strictObject({
  input: z.string(),
  output: z.string(),
  format: z.enum(MODEL_FORMATS).nullable().default(null),
  dtype: z.enum(["float32", "float16", "bfloat16"]).nullable().default(null),
  weights: z.enum(WEIGHT_FILES).nullable().default(null),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
});

/**
 * `fusion convert input=DIR output=DIR [format=huggingface|timm|tensorflowjs]`.
 * Without `format` a Hugging Face folder becomes a TensorFlow.js LayersModel,
 * any other, or one with `weights=safetensors|pytorch`, a Hugging Face folder.
 */
export async function convert(words: string[]): Promise<void> {
  rejectPositional(words);
  const { config } = await composeConfig(words, schema);
  const input = await resolveModelPath(config.input);
  await checkNotSource(config.output, [input]);
  const source = await openConversionSource(input);
  try {
    const weights = config.weights ?? undefined;
    const format = config.format ??
      (source.format === "huggingface" && weights === undefined
        ? "tensorflowjs"
        : "huggingface");
    if (format === "tensorflowjs" && weights !== undefined) {
      throw new ConfigError(
        `weights=${weights}: a LayersModel has a kind of its own, expected format=huggingface or format=timm with it`,
      );
    }
    // A LayersModel is made of tensors of a backend.
    const backend = format === "tensorflowjs"
      ? await useBackend(config.backend)
      : undefined;
    await replaceFolder(config.output, async (folder) => {
      await writeConversion(source, format, folder, {
        dtype: config.dtype ?? undefined,
        weights,
      });
    });
    if (backend) tellBackend(backend);
  } finally {
    source.stateDict.close();
  }
  console.log(config.output);
}
