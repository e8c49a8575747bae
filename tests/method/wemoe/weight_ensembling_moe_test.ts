import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint } from "../../../src/checkpoint/mod.ts";
import { WeightEnsembling } from "../../../src/convnext/mod.ts";
import { loadMethod } from "../../../src/method/mod.ts";
import { mergeModels } from "../../../src/modelpool/mod.ts";
import { hashedImages, withMicroPool } from "../../merge_data_case.ts";
import { dataPath, relativeDifference } from "../../reference.ts";

for (const router_hidden_layers of [0, 1, 2]) {
  Deno.test(`wemoe with routers of ${router_hidden_layers} products gives FusionBench's routers and logits on the micro pool`, async () => {
    await withMicroPool(async (pool) => {
      const before = tf.memory().numTensors;
      const merged = await mergeModels(
        pool,
        await loadMethod("wemoe/weight_ensembling_moe", {
          router_hidden_layers,
          max_steps: 3,
          lr: 1e-2,
          batch_size: 2,
          shuffle: false,
        }),
      );
      const golden = await openCheckpoint(
        dataPath(
          `tests/data/golden/merge_data/micro_wemoe_${router_hidden_layers}.safetensors`,
        ),
      );
      const { part } = merged;
      assert(part instanceof WeightEnsembling);
      const names = golden.names.filter((name) => !name.includes(".logits."));
      assertEquals(part.routers.names.toSorted(), names.toSorted());
      for (const name of names) {
        const difference = relativeDifference(
          await part.routers.read(name),
          await golden.read(name),
        );
        assert(difference <= 1e-3, `${name}: ${difference}`);
      }
      const processor = await pool.loadProcessor();
      for (const [i, task] of pool.modelNames.entries()) {
        const images = await Promise.all(
          [0, 1, 2, 3].map(async (index) =>
            (await hashedImages(i).read(index)).image
          ),
        );
        const pixels = processor.toTensor(images);
        const model = await merged.forTask(task);
        const logits = model.apply(pixels) as tf.Tensor;
        const difference = relativeDifference(
          await logits.data(),
          await golden.read(`convnext.logits.${task}`),
        );
        assert(difference <= 1e-3, `${task}: ${difference}`);
        tf.dispose([pixels, logits]);
      }
      golden.close();
      await merged.dispose();
      assertEquals(tf.memory().numTensors, before, "nothing is left behind");
    });
  });
}
