import { assert, assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../src/fusion_error.ts";
import { mergeMicro, openMicroPool } from "../merge_case.ts";

Deno.test("model_recombination takes each tensor whole from one expert", async () => {
  const merged = await mergeMicro("model_recombination", {}, {
    chunkSize: 100,
  });
  const again = await mergeMicro("model_recombination");
  const { models, pretrained } = await openMicroPool();
  const counts = new Map([...models.keys()].map((model) => [model, 0]));
  for (const name of merged.names) {
    const values = await merged.read(name);
    assertEquals(await again.read(name), values);
    let from: string | undefined;
    for (const [model, state] of models) {
      const theirs = await state.read(name);
      if (values.every((value, i) => value === theirs[i])) from = model;
    }
    counts.set(from!, counts.get(from!)! + 1);
  }
  // Every expert is as likely: 21 of about 64 tensors each, deviation 4.
  for (const [model, count] of counts) {
    assert(count > merged.names.length / 6, `${model}: ${count}`);
  }
  pretrained.close();
  for (const state of models.values()) state.close();
});

Deno.test("model_recombination refuses to give back a pool", async () => {
  await assertRejects(
    () => mergeMicro("model_recombination", { return_modelpool: true }),
    MethodError,
    "return_modelpool is true: one merge gives one model",
  );
});
