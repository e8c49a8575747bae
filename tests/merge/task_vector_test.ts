import { assertEquals } from "@std/assert";
import { memoryStateDict } from "../../src/checkpoint/mod.ts";
import { taskVector } from "../../src/merge/mod.ts";

const tensor = (
  ...values: number[]
): { shape: number[]; data: Float32Array } => ({
  shape: [values.length],
  data: Float32Array.from(values),
});

Deno.test("a task vector is expert minus pretrained where both have a tensor", async () => {
  const vector = taskVector(
    memoryStateDict({
      a: tensor(1, 2, 3, 4),
      head: tensor(1, 2, 3),
      own: tensor(1),
    }, "expert"),
    memoryStateDict({
      head: tensor(1, 2),
      a: tensor(0.5, 2, 4, -4),
      base: tensor(1),
    }, "pretrained"),
  );
  assertEquals(vector.names, ["a"]);
  assertEquals(vector.info("a"), { dtype: "F32", shape: [4] });
  assertEquals(vector.source, "expert - pretrained");
  assertEquals([...await vector.read("a")], [0.5, 0, -1, 8]);
  assertEquals([...await vector.read("a", 1, 3)], [0, -1]);
  assertEquals([...await vector.read("a", 2)], [-1, 8]);
});

Deno.test("pretrained plus task vector is the expert again", async () => {
  const expert = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
  const pretrained = Float32Array.from(
    expert,
    (value, i) => Math.fround(value + 2 ** -12 * (i % 7)),
  );
  const vector = taskVector(
    memoryStateDict({ a: { shape: [10, 100], data: expert } }, "e"),
    memoryStateDict({ a: { shape: [10, 100], data: pretrained } }, "p"),
  );
  // The two are close, so that their difference is exact (Sterbenz).
  const sum = (await vector.read("a")).map((value, i) =>
    value + pretrained[i]!
  );
  let worst = 0;
  for (const [i, value] of sum.entries()) {
    worst = Math.max(worst, Math.abs(value - expert[i]!));
  }
  assertEquals(worst <= 2 ** -24, true, `${worst}`);
});
