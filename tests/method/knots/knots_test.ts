import { assert } from "@std/assert";
import { relativeDifference } from "../../reference.ts";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("knots gives the numbers of FusionBench's alignment and TIES", async () => {
  const difference = await microDifference(
    "../merge_more/knots_ties_merging",
    "knots/knots",
  );
  assert(difference <= 1e-3, `${difference}`);
});

const SHAPES = { w: [2, 3] };
const POOL = {
  pretrained: { w: [1, 1, 1, 1, 1, 1], b: [0, 0] },
  models: {
    a: { w: [2, 0, 3, 1, 1, 4], b: [3, 1] },
    c: { w: [0, 2, 1, 5, 2, 1], b: [2, -4] },
  },
  shapes: SHAPES,
};

Deno.test("knots of one model that keeps everything is task arithmetic", async () => {
  const one = { ...POOL, models: { a: POOL.models.a } };
  const knots = await mergeTiny("knots/knots", {
    threshold: 100,
    scaling_factor: 0.5,
  }, one);
  const sum = await mergeTiny("task_arithmetic", { scaling_factor: 0.5 }, one);
  for (const name of ["w", "b"]) {
    const difference = relativeDifference(knots[name]!, sum[name]!);
    assert(difference < 1e-6, `${name}: ${difference}`);
  }
});

Deno.test("knots turns with its models' outputs", async () => {
  // A quarter turn of every matrix's rows turns the merged rows with them: the
  // merge happens in directions, not in elements.
  const turn = ([a, b, c, d, e, f]: number[]) => [-d!, -e!, -f!, a!, b!, c!];
  const turned = {
    ...POOL,
    pretrained: { ...POOL.pretrained, w: turn(POOL.pretrained.w) },
    models: {
      a: { ...POOL.models.a, w: turn(POOL.models.a.w) },
      c: { ...POOL.models.c, w: turn(POOL.models.c.w) },
    },
  };
  const parameters = { threshold: 50 };
  const plain = await mergeTiny("knots/knots", parameters, POOL);
  const other = await mergeTiny("knots/knots", parameters, turned);
  assert(relativeDifference(other.w!, turn(plain.w!)) < 1e-5);
});

Deno.test("knots keeps a matrix that no model changes", async () => {
  const still = { pretrained: POOL.pretrained, models: { a: POOL.pretrained } };
  const merged = await mergeTiny("knots/knots", {}, {
    ...still,
    shapes: SHAPES,
  });
  assert(relativeDifference(merged.w!, POOL.pretrained.w) === 0);
});
