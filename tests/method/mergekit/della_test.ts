import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

Deno.test("della keeps the larger elements of a row with the larger probability", async () => {
  const rows = 2000;
  const rowLength = 21;
  const merged = await mergeTiny("mergekit/della", {
    density: 0.5,
    epsilon: 0.4,
    rescale: false,
  }, {
    pretrained: { w: new Array<number>(rows * rowLength).fill(0) },
    models: {
      a: {
        w: Array.from(
          { length: rows * rowLength },
          // Each row has its own scale: ranks count within a row.
          (_, i) => (i % rowLength + 1) * (1 + Math.floor(i / rowLength)),
        ),
      },
    },
    shapes: { w: [rows, rowLength, 1, 1] },
  });
  for (const [place, probability] of [[0, 0.1], [10, 0.5], [20, 0.9]]) {
    let kept = 0;
    for (let row = 0; row < rows; row++) {
      if (merged.w![row * rowLength + place!] !== 0) kept++;
    }
    assertAlmostEquals(kept / rows, probability!, 0.05); // deviation 0.011
  }
});

Deno.test("della scales what it keeps to the L1 norm of the whole", async () => {
  const { w } = await mergeTiny("mergekit/della", { density: 0.5 }, {
    pretrained: { w: new Array<number>(100).fill(0) },
    models: { a: { w: Array.from({ length: 100 }, (_, i) => i - 50) } },
  });
  assert(w!.some((value) => value === 0));
  assertAlmostEquals(w!.reduce((sum, v) => sum + Math.abs(v), 0), 2500, 0.01);
});

Deno.test("della of density 1 elects signs and averages what agrees", async () => {
  const merged = await mergeTiny("mergekit/della", { lambda: 2 }, {
    pretrained: { w: [1, 1, 1] },
    models: { a: { w: [4, 2, 1] }, b: { w: [3, 0, 1] }, c: { w: [0, 1, 1] } },
  });
  assertEquals(merged, { w: [6, 3, 1] });
});

Deno.test("della drops other elements with another seed", async () => {
  const merge = (seed: number) =>
    mergeMicro("mergekit/della", { density: 0.5, seed });
  const [first, again, other] = [
    await merge(0),
    await merge(0),
    await merge(1),
  ];
  let differs = false;
  for (const name of first.names) {
    const values = await first.read(name);
    assertEquals(await again.read(name), values);
    differs ||= (await other.read(name)).some((value, i) =>
      value !== values[i]
    );
  }
  assert(differs);
});

Deno.test("della refuses an epsilon that leaves 0 to 1", async () => {
  await assertRejects(
    () => mergeMicro("mergekit/della", { density: 0.9 }),
    MethodError,
    "density 0.9 and epsilon 0.15, expected",
  );
});
