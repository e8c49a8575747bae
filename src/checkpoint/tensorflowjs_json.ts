import * as z from "zod";
import { CheckpointError } from "../fusion_error.ts";
import { readJson } from "../read_json.ts";
import { checkKeysOnce } from "./duplicate_key.ts";
import { shownIssue } from "./shown.ts";

/** Most dimensions of a tensor; TensorFlow.js computes with six. */
const MOST_DIMENSIONS = 64;

const quantizationSchema = z.union([
  z.object({ dtype: z.literal("float16") }),
  z.object({
    dtype: z.enum(["uint8", "uint16"]),
    min: z.number(),
    scale: z.number(),
  }),
]);

/** How a tensor's elements are stored in fewer bits. */
export type Quantization = z.infer<typeof quantizationSchema>;

// What is read of the file: its topology is not, see `TensorflowjsFile`.
const schema = z.object({
  userDefinedMetadata: z.unknown().optional(),
  weightsManifest: z.array(z.object({
    // Beside the file, nowhere else on this machine.
    paths: z.array(
      z.string().regex(/^(?!\.\.?$)[^/\\\0]+$/, "expected a file's name"),
    ),
    weights: z.array(z.object({
      name: z.string(),
      shape: z.array(z.int().nonnegative()).max(MOST_DIMENSIONS),
      dtype: z.enum(["float32", "int32", "bool"]),
      quantization: quantizationSchema.optional(),
      group: z.string().optional(),
    })),
  })),
});

/** What is read of a LayersModel's `model.json`. */
export type ModelJson = z.infer<typeof schema>;

/**
 * Reads a LayersModel's `model.json`, but for its topology.
 *
 * @throws {CheckpointError} If it is missing, damaged or another's.
 */
export async function readModelJson(path: string): Promise<ModelJson> {
  const expected = "expected a TensorFlow.js LayersModel";
  const file = await readJson(path, CheckpointError);
  if (!file) throw new CheckpointError(`${path}: not found, ${expected}`);
  checkKeysOnce(path, file.text);
  const result = schema.safeParse(file.json);
  if (result.success) return result.data;
  throw new CheckpointError(
    `${path}: ${shownIssue(result.error, file.json)}, ${expected}`,
  );
}
