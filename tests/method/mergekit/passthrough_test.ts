import { assertEquals } from "@std/assert";
import { mergeTiny } from "../../merge_case.ts";

Deno.test("passthrough gives the one model, scaled by tensor", async () => {
  const models = { a: { v: [1, 2], w: [3] } };
  assertEquals(
    await mergeTiny("mergekit/passthrough", {}, { models }),
    models.a,
  );
  assertEquals(
    await mergeTiny(
      "mergekit/passthrough",
      { scale: [{ filter: "convnext.v", value: 0.5 }, { value: 2 }] },
      { models },
    ),
    { v: [0.5, 1], w: [6] },
  );
});
