import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { oneLine } from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { replaceFile } from "../replace_file.ts";
// Registers the layers that a saved model names.
import "./convnext_layer.ts";
import "./layer_norm.ts";
import { metadataOf } from "./metadata.ts";

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

/**
 * Reads a folder that {@linkcode saveLayersModel} or tfjs-node wrote.
 *
 * @throws {CheckpointError} If a file is missing, damaged, or not a ConvNeXt
 * of this project.
 */
export async function loadLayersModel(folder: string): Promise<tf.LayersModel> {
  const path = join(folder, "model.json");
  let json: tf.io.ModelJSON;
  try {
    json = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new CheckpointError(
      `${path}: ${
        error instanceof Deno.errors.NotFound
          ? "not found"
          : `not JSON: ${oneLine((error as Error).message)}`
      }, expected a TensorFlow.js LayersModel`,
    );
  }
  try {
    const artifacts = await tf.io.getModelArtifactsForJSON(
      json,
      async (manifest) => {
        const specs = manifest.flatMap((group) => group.weights);
        const parts = await Promise.all(
          manifest.flatMap((group) => group.paths).map((file) => {
            if (!/^[\w.-]+$/.test(file)) {
              throw new CheckpointError(
                `${path}: weights file ${file}, expected a name without folders`,
              );
            }
            return Deno.readFile(join(folder, file));
          }),
        );
        return [
          specs,
          tf.io.CompositeArrayBuffer.join(
            parts.map((part) => part.buffer as ArrayBuffer),
          ),
        ];
      },
    );
    const model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
    metadataOf(model);
    return model;
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(
      `${path}: cannot be loaded: ${oneLine((error as Error).message)}`,
    );
  }
}
