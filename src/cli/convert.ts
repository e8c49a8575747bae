import { join } from "@std/path";
import * as z from "zod";
import { useBackend } from "../backend/mod.ts";
import { replaceFolder } from "../checkpoint/mod.ts";
import { BACKEND_CHOICES, composeConfig } from "../config/mod.ts";
import {
  AutoImageProcessor,
  configOf,
  loadConvNext,
  loadLayersModel,
  saveLayersModel,
} from "../convnext/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { resolveModelPath } from "../hub/mod.ts";
import { type SaveDType, saveModel } from "../modelpool/mod.ts";
import { rejectPositional } from "./reject_positional.ts";
import { tellBackend } from "./tell_backend.ts";

const schema = z.strictObject({
  input: z.string(),
  output: z.string(),
  dtype: z.enum(["float32", "float16", "bfloat16"]).nullable().default(null),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
});

/** `fusion convert input=DIR output=DIR` */
export async function convert(words: string[]): Promise<void> {
  rejectPositional(words);
  const { config } = await composeConfig(words, schema);
  const input = await resolveModelPath(config.input);
  const toHuggingFace = await exists(join(input, "model.json"));
  if (!toHuggingFace && !await exists(join(input, "config.json"))) {
    throw new CheckpointError(
      `${input}: no config.json (Hugging Face) and no model.json (TensorFlow.js), expected one of them`,
    );
  }
  const backend = await useBackend(config.backend);
  const processor = await exists(join(input, "preprocessor_config.json"))
    ? await AutoImageProcessor.fromPretrained(input)
    : undefined;
  if (toHuggingFace) {
    const model = await loadLayersModel(input);
    const dtype = config.dtype ?? configOf(model)["dtype"];
    await saveModel(model, config.output, {
      ...(processor ? { processor } : {}),
      ...(isDType(dtype) ? { dtype } : {}),
    });
  } else {
    const model = await loadConvNext(input);
    await replaceFolder(config.output, async (folder) => {
      await saveLayersModel(model, folder);
      await processor?.save(folder);
    });
  }
  tellBackend(backend);
  console.log(config.output);
}

function isDType(value: unknown): value is SaveDType {
  return schema.shape.dtype.unwrap().unwrap().safeParse(value).success;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
