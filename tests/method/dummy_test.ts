import { assertEquals } from "@std/assert";
import { mergeTiny } from "../merge_case.ts";

Deno.test("dummy gives _pretrained_, or the first model without one", async () => {
  const models = { a: { w: [1, 2] }, b: { w: [3, 4] } };
  const pretrained = { w: [5, 6] };
  assertEquals(
    await mergeTiny("dummy", {}, { pretrained, models }),
    pretrained,
  );
  assertEquals(await mergeTiny("dummy", {}, { models }), models.a);
});
