import { assertEquals } from "@std/assert";
import { mergeTiny } from "../../merge_case.ts";

Deno.test("continual averaging ends where the simple average does", async () => {
  const models = { a: { w: [2, 2] }, b: { w: [1, 5] } };
  assertEquals(await mergeTiny("opcm/weight_average", {}, { models }), {
    w: [1.5, 3.5],
  });
});
