import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { openTensorflowjs } from "../checkpoint/mod.ts";
import { replaceFile } from "../replace_file.ts";
import { convNextFromStateDict } from "./load_convnext.ts";
import { parseMetadata, setMetadata } from "./metadata.ts";
import { openLayersModel } from "./open_convnext.ts";

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
 * The model is built anew from the config in its metadata; the topology of the
 * file is not followed.
 *
 * @throws {FusionError} If a file is missing, damaged, or not a ConvNeXt of
 * this project.
 */
export async function loadLayersModel(folder: string): Promise<tf.LayersModel> {
  const file = await openTensorflowjs(join(folder, "model.json"));
  try {
    const metadata = parseMetadata(file.userDefinedMetadata, file.source);
    const { config, stateDict } = openLayersModel(file, metadata.config);
    const model = await convNextFromStateDict(config, stateDict);
    setMetadata(model, metadata);
    return model;
  } finally {
    file.close();
  }
}
