import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { memoryStateDict, type StateDict } from "../../src/checkpoint/mod.ts";
import { MethodError } from "../../src/fusion_error.ts";
import { analyzePool, closePool } from "../../src/merge/mod.ts";
import { openMicroPool } from "../merge_case.ts";

function state(tensors: Record<string, number[]>): StateDict {
  return memoryStateDict(
    new Map(
      Object.entries(tensors).map(([name, values]) => [`convnext.${name}`, {
        shape: [values.length],
        data: Float32Array.from(values),
      }]),
    ),
    "hand",
  );
}

const STEM = "embeddings.layernorm.weight";
const BLOCK = "encoder.stages.0.layers.0.dwconv.bias";

Deno.test("analyze: orthogonal, identical and opposite task vectors", async () => {
  const pool = {
    pretrained: state({ [BLOCK]: [1, 1, 1, 1], [STEM]: [5, 5] }),
    models: new Map(
      Object.entries({
        // Task vectors [3, 0, 0, 0 | 0, 4] and so on.
        a: state({ [BLOCK]: [4, 1, 1, 1], [STEM]: [5, 9] }),
        same: state({ [BLOCK]: [4, 1, 1, 1], [STEM]: [5, 9] }),
        opposite: state({ [BLOCK]: [-2, 1, 1, 1], [STEM]: [5, 1] }),
        orthogonal: state({ [BLOCK]: [1, 3, 1, 1], [STEM]: [5, 5] }),
        nothing: state({ [BLOCK]: [1, 1, 1, 1], [STEM]: [5, 5] }),
      }),
    ),
  };
  for (const chunkSize of [1, 3, 100]) {
    assertEquals(await analyzePool(pool, { chunkSize }), {
      models: ["a", "same", "opposite", "orthogonal", "nothing"],
      parameters: 6,
      norms: { a: 5, same: 5, opposite: 5, orthogonal: 2, nothing: 0 },
      cosine_similarity: [
        [1, 1, -1, 0, 0],
        [1, 1, -1, 0, 0],
        [-1, -1, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0],
      ],
      sign_conflict: 2 / 6,
      sign_conflict_by_pair: [
        [0, 0, 2 / 6, 0, 0],
        [0, 0, 2 / 6, 0, 0],
        [2 / 6, 2 / 6, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
      ],
      layers: [
        {
          layer: "embeddings",
          parameters: 2,
          norms: { a: 4, same: 4, opposite: 4, orthogonal: 0, nothing: 0 },
          sign_conflict: 1 / 2,
        },
        {
          layer: "encoder.stages.0.layers.0",
          parameters: 4,
          norms: { a: 3, same: 3, opposite: 3, orthogonal: 2, nothing: 0 },
          sign_conflict: 1 / 4,
        },
      ],
    });
  }
});

Deno.test("analyze: layers from the stem on add up to the whole", async () => {
  const pool = await openMicroPool();
  const analysis = await analyzePool(pool);
  closePool(pool);
  const { layers } = analysis;
  assertEquals(layers[0]!.layer, "embeddings");
  assertEquals(layers[1]!.layer, "encoder.stages.0.layers.0");
  assertEquals(layers.at(-1)!.layer, "layernorm");
  const names = layers.map(({ layer }) => layer);
  assertEquals(
    names.indexOf("encoder.stages.1.downsampling_layer") + 1,
    names.indexOf("encoder.stages.1.layers.0"),
  );
  assertEquals(
    layers.reduce((sum, { parameters }) => sum + parameters, 0),
    analysis.parameters,
  );
  for (const model of analysis.models) {
    assertAlmostEquals(
      Math.hypot(...layers.map(({ norms }) => norms[model]!)),
      analysis.norms[model]!,
      1e-9,
    );
  }
});

Deno.test("analyze needs _pretrained_", async () => {
  await assertRejects(
    () => analyzePool({ models: new Map([["a", state({ [STEM]: [1] })]]) }),
    MethodError,
    "_pretrained_",
  );
});
