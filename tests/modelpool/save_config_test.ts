import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  createConvNext,
  parseConvNextConfig,
  readConvNextConfig,
} from "../../src/convnext/mod.ts";
import { saveModel } from "../../src/modelpool/mod.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

Deno.test("floats of config.json stay floats for Python, whole ones too", async () => {
  const model = createConvNext(parseConvNextConfig({
    model_type: "convnext",
    depths: [1],
    hidden_sizes: [4],
    num_stages: 1,
    layer_scale_init_value: 0,
    drop_path_rate: 0,
    num_labels: 2,
  }, "test"));
  await inTemporaryFolder(async (folder) => {
    await saveModel(model, `${folder}/model`);
    const text = await Deno.readTextFile(`${folder}/model/config.json`);
    assertStringIncludes(text, '"layer_scale_init_value": 0.0');
    assertStringIncludes(text, '"drop_path_rate": 0.0');
    assertStringIncludes(text, '"layer_norm_eps": 1e-12');
    assertStringIncludes(text, '"num_channels": 3,');
    const config = await readConvNextConfig(`${folder}/model`);
    assertEquals(config.layer_scale_init_value, 0);
  });
  model.dispose();
});
