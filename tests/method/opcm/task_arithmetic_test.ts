import { assertEquals } from "@std/assert";
import { mergeTiny } from "../../merge_case.ts";

Deno.test("continual task arithmetic ends where task arithmetic does", async () => {
  const pool = {
    pretrained: { w: [1, 2] },
    models: { a: { w: [2, 2] }, b: { w: [1, 5] } },
  };
  assertEquals(
    await mergeTiny("opcm/task_arithmetic", { scaling_factor: 0.5 }, pool),
    await mergeTiny("task_arithmetic", { scaling_factor: 0.5 }, pool),
  );
});
