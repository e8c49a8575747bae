import { assert, assertEquals } from "@std/assert";
import { relativeDifference } from "../../reference.ts";
import { mergeTiny, microDifference } from "../../merge_case.ts";

const METHOD = "smile_upscaling/singular_projection_merging";

for (
  const [golden, parameters] of Object.entries({
    singular_projection_merging: { k: 4 },
    singular_projection_merging_high: { k: -1, rank: "high" },
  })
) {
  Deno.test(`${golden} gives FusionBench's numbers`, async () => {
    const difference = await microDifference(
      `../merge_more/${golden}`,
      METHOD,
      parameters,
      ["alpha"],
    );
    assert(difference <= 1e-4, `${difference}`);
  });
}

Deno.test("what is projected lies in the pretrained matrix's directions", async () => {
  const name = "pwconv1.weight";
  const merge = (parameters: Record<string, unknown>) =>
    mergeTiny(METHOD, parameters, {
      pretrained: { [name]: [3, 0, 0, 0, 1, 0], bias: [1, 1] },
      models: { a: { [name]: [4, 2, 3, 5, 7, 6], bias: [2, 3] } },
      shapes: { [name]: [2, 3] },
    });
  const near = (found: number[], expected: number[]) =>
    assert(relativeDifference(found, expected) < 1e-6, `${found}`);
  const low = await merge({ k: 1 });
  near(low[name]!, [4, 0, 0, 0, 1, 0]);
  assertEquals(low.bias, [2, 3]);
  near((await merge({ k: 1, rank: "high" }))[name]!, [3, 0, 0, 0, 7, 0]);
  near(
    (await merge({ k: 1, rank: "high", full_matrices: true }))[name]!,
    [3, 0, 0, 0, 7, 6],
  );
});
