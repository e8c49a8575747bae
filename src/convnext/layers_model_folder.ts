import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { elementCount, oneLine, shown } from "../checkpoint/mod.ts";
import { CheckpointError, FusionError } from "../fusion_error.ts";
import { replaceFile } from "../replace_file.ts";
import type { ConvNextConfig } from "./config.ts";
import { expectedShapes } from "./expected_shapes.ts";
import { parseMetadata, setMetadata } from "./metadata.ts";
import { createConvNext } from "./model.ts";

const WEIGHTS = "weights.bin";

/**
 * Writes a model in TensorFlow.js' own format: `model.json` and `weights.bin`,
 * as `model.save("file://…")` of tfjs-node does and `tf.loadLayersModel` of any
 * TensorFlow.js reads.
 *
 * @param folder An existing folder.
 */
export async function saveLayersModel(
  model: tf.LayersModel,
  folder: string,
): Promise<void> {
  await model.save(tf.io.withSaveHandler(async (artifacts) => {
    const { weightData, weightSpecs, ...rest } = artifacts;
    const json: tf.io.ModelJSON = {
      ...rest,
      modelTopology: artifacts.modelTopology!,
      weightsManifest: [{ paths: [WEIGHTS], weights: weightSpecs ?? [] }],
    } as tf.io.ModelJSON;
    await Deno.writeFile(
      join(folder, WEIGHTS),
      new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
    );
    replaceFile(join(folder, "model.json"), JSON.stringify(json));
    return {
      modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" },
    };
  }));
}

// What is read of a `model.json`: not its topology, see loadLayersModel.
const schema = z.object({
  userDefinedMetadata: z.unknown().optional(),
  weightsManifest: z.array(z.object({
    paths: z.array(z.string().regex(/^[\w.-]+$/, "is not a file's name")),
    weights: z.array(z.looseObject({
      name: z.string(),
      shape: z.array(z.int().nonnegative()),
      dtype: z.enum(["float32", "int32", "bool"]),
      quantization: z.looseObject({
        dtype: z.enum(["uint8", "uint16", "float16"]),
      }).optional(),
      group: z.string().optional(),
    })),
  })),
});

type WeightSpec = z.infer<
  typeof schema
>["weightsManifest"][number]["weights"][number];

/**
 * Reads a folder that {@linkcode saveLayersModel} or tfjs-node wrote.
 *
 * The model is built anew from the config in its metadata. TensorFlow.js would
 * follow the file's topology, which it does without end where a layer is
 * missing, and whatever size it says is taken from memory.
 *
 * @throws {CheckpointError} If a file is missing, damaged, or not a ConvNeXt
 * of this project.
 */
export async function loadLayersModel(folder: string): Promise<tf.LayersModel> {
  const path = join(folder, "model.json");
  const { userDefinedMetadata, weightsManifest } = await readModelJson(path);
  let model: tf.LayersModel | undefined;
  let weights: tf.NamedTensorMap = {};
  try {
    const metadata = parseMetadata(userDefinedMetadata, path);
    const specs = weightsManifest.flatMap(({ weights }) => weights)
      .filter(({ group }) => group !== "optimizer"); // they are the last
    checkSizes(path, specs, metadata.config);
    const names = weightsManifest.flatMap(({ paths }) => paths);
    const data = await readWeights(folder, names);
    weights = tf.tidy(() =>
      tf.io.decodeWeights(data, specs as tf.io.WeightsManifestEntry[])
    );
    model = createConvNext(metadata.config, { initialize: false });
    model.loadWeights(weights);
    setMetadata(model, metadata);
    return model;
  } catch (error) {
    model?.dispose();
    if (error instanceof FusionError) {
      throw new CheckpointError(error.message);
    }
    throw new CheckpointError(
      `${path}: cannot be loaded: ${oneLine((error as Error).message)}`,
    );
  } finally {
    tf.dispose(weights);
  }
}

async function readModelJson(path: string): Promise<z.infer<typeof schema>> {
  const expected = "expected a TensorFlow.js LayersModel";
  let json: unknown;
  try {
    json = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new CheckpointError(
      `${path}: ${
        error instanceof Deno.errors.NotFound
          ? "not found"
          : `not JSON: ${oneLine((error as Error).message)}`
      }, ${expected}`,
    );
  }
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  const issue = error.issues[0]!;
  const found = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    json,
  );
  throw new CheckpointError(
    `${path}: ${oneLine(issue.path.join(".")) || "the whole file"} is ${
      shown(found)
    }: ${issue.message}, ${expected}`,
  );
}

/** Checks sizes before memory is taken for what the config says. */
function checkSizes(
  path: string,
  specs: readonly WeightSpec[],
  config: ConvNextConfig,
): void {
  const found = sum(specs.map(({ shape }) => elementCount(shape)));
  const expected = sum([...expectedShapes(config).values()].map(elementCount));
  if (found === expected) return;
  throw new CheckpointError(
    `${path}: ${found} parameters in weightsManifest, expected the ${expected} of the config in its metadata`,
  );
}

async function readWeights(
  folder: string,
  names: readonly string[],
): Promise<ArrayBuffer> {
  const parts = await Promise.all(
    names.map((name) => Deno.readFile(join(folder, name))),
  );
  return tf.io.CompositeArrayBuffer.join(parts.map(({ buffer }) => buffer));
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
