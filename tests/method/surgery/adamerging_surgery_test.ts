import { assert, assertEquals } from "@std/assert";
import { openCheckpoint } from "../../../src/checkpoint/mod.ts";
import { Surgery } from "../../../src/convnext/mod.ts";
import { loadMethod } from "../../../src/method/mod.ts";
import { mergeModels } from "../../../src/modelpool/mod.ts";
import { withMicroPool } from "../../merge_data_case.ts";
import { dataPath, relativeDifference } from "../../reference.ts";

Deno.test("surgery/adamerging_surgery gives FusionBench's modules on the micro pool", async () => {
  await withMicroPool(async (pool) => {
    const merged = await mergeModels(
      pool,
      await loadMethod("surgery/adamerging_surgery", {
        max_steps: 2,
        surgery_steps: 8,
        batch_size: 2,
        shuffle: false,
      }),
    );
    const golden = await openCheckpoint(
      dataPath(
        "tests/data/golden/merge_data/micro_adamerging_surgery.safetensors",
      ),
    );
    const { part } = merged;
    assert(part instanceof Surgery);
    assertEquals([...part.modules.keys()], ["alpha", "beta", "gamma"]);
    for (const [task, module] of part.modules) {
      for (const name of ["down_proj.weight", "up_proj.weight"]) {
        const expected = await golden.read(`convnext.${task}.${name}`);
        const difference = relativeDifference(
          await module.read(name),
          expected,
        );
        assert(difference <= 1e-3, `${task} ${name}: ${difference}`);
      }
    }
    golden.close();
    await merged.dispose();
  });
});
