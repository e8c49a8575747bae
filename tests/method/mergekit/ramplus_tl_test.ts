import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("ramplus_tl gives mergekit's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/ramplus_tl",
    "mergekit/ramplus_tl",
    { epsilon: 2e-2, r: 0.4, alpha: 0.5 },
  );
  assert(difference <= 1e-5, `${difference}`);
});

Deno.test("ramplus_tl strengthens own changes by the share of common ones", async () => {
  const pool = {
    pretrained: { w: [0, 0, 0, 0] },
    models: { a: { w: [2, 2, 2, 0] }, b: { w: [0, 0, 4, 4] } },
  };
  // a shares 1 of its 3 changes (1/2 of its own), b 1 of 2 (1/1, capped at 0.75).
  assertEquals(
    (await mergeTiny("mergekit/ramplus_tl", { r: 2, alpha: 0.75 }, pool)).w,
    [4, 4, 3, 10],
  );
  assertEquals(
    (await mergeTiny("mergekit/ramplus_tl", { r: 0 }, pool)).w,
    (await mergeTiny("mergekit/ram", {}, pool)).w,
  );
});
