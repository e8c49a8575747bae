import { assert, assertEquals } from "@std/assert";
import { stateDictOf } from "../../../src/convnext/mod.ts";
import { loadMethod } from "../../../src/method/mod.ts";
import { mergeModels } from "../../../src/modelpool/mod.ts";
import { inTemporaryFolder } from "../../temporary_folder.ts";
import { dataDifference, withMicroPool } from "../../merge_data_case.ts";

const CASES: Record<string, Record<string, unknown>> = {
  concrete_task_arithmetic: { max_steps: 4 },
  concrete_task_wise_adamerging: {
    max_steps: 2,
    max_adamerging_steps: 2,
    adamerging_lr: 1e-2,
  },
  concrete_layer_wise_adamerging: {
    max_steps: 2,
    max_adamerging_steps: 2,
    adamerging_lr: 1e-2,
    eval_mask_type: "discrete",
    clamp_weights: true,
  },
};

for (const [name, parameters] of Object.entries(CASES)) {
  Deno.test(`${name} gives FusionBench's numbers on the micro pool`, async () => {
    await withMicroPool(async (pool) => {
      const difference = await dataDifference(
        pool,
        `micro_${name}`,
        `concrete_subspace/${name}`,
        { lr: 0.1, batch_size: 2, shuffle: false, ...parameters },
      );
      assert(difference <= 1e-3, `${difference}`);
    });
  });
}

Deno.test("concrete_task_arithmetic: a saved mask gives the same merge without images", async () => {
  await withMicroPool(async (pool) => {
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/mask.safetensors`;
      const merge = async (parameters: Record<string, unknown>) => {
        let looked = false;
        const model = await mergeModels(
          pool,
          await loadMethod(
            "concrete_subspace/concrete_task_arithmetic",
            parameters,
          ),
          { onData: () => looked = true },
        );
        const values = await stateDictOf(model.model).read(
          "convnext.encoder.stages.2.layers.1.pwconv1.weight",
        );
        await model.dispose();
        return { values, looked };
      };
      const learnt = await merge({
        max_steps: 1,
        lr: 0.1,
        batch_size: 2,
        save_mask_checkpoint: path,
      });
      const loaded = await merge({ mask_checkpoint: path });
      assertEquals(loaded.values, learnt.values);
      assertEquals([learnt.looked, loaded.looked], [true, false]);
      const begun = await merge({ skip_training: true });
      assert(begun.values.some((value, i) => value !== learnt.values[i]));
    });
  });
});
