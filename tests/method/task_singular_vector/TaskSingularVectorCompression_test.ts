import { assert } from "@std/assert";
import { mergeTiny } from "../../merge_case.ts";

Deno.test("TSV compression keeps a task's leading directions", async () => {
  const pool = {
    pretrained: { w: [1, 1, 1, 1], bias: [0] },
    models: {
      a: { w: [5, 1, 1, 2], bias: [3] },
      b: { w: [2, 1, 1, 3], bias: [4] },
    },
    shapes: { w: [2, 2] },
  };
  const name = "task_singular_vector/TaskSingularVectorCompression";
  const near = (found: number[], expected: number[]) =>
    expected.forEach((value, i) =>
      assert(Math.abs(found[i]! - value) < 1e-5, `${found}`)
    );
  const cut = await mergeTiny(name, { task: "a" }, pool);
  near(cut.w!, [5, 1, 1, 1]);
  near(cut.bias!, [3]);
  const whole = await mergeTiny(name, { task: "b", sv_reduction: 1 }, pool);
  near(whole.w!, [2, 1, 1, 3]);
});
