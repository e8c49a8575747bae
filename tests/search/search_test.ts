import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { ConfigError } from "../../src/fusion_error.ts";
import {
  createStrategy,
  search,
  searchSpace,
  type Strategy,
  type Trial,
  TrialRecord,
} from "../../src/search/mod.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";

Deno.test("searchSpace finds ranges wherever they are, and puts numbers there", () => {
  const space = searchSpace({
    scaling_factor: { mnist: "0:1", "*": [0.3, "-1:1:0.5"] },
    merge_func: "sum",
  });
  assertEquals(space.dimensions, [
    { path: ["scaling_factor", "mnist"], low: 0, high: 1 },
    { path: ["scaling_factor", "*", 1], low: -1, high: 1, step: 0.5 },
  ]);
  assertEquals(space.at([0.25, 0.5]), {
    scaling_factor: { mnist: 0.25, "*": [0.3, 0.5] },
    merge_func: "sum",
  });
  const layered = searchSpace({ scaling_factor: "0:1" }, 3);
  assertEquals(layered.at([1, 2, 3]), { scaling_factor: [1, 2, 3] });
});

Deno.test("searchSpace refuses empty ranges, and parameters without any", () => {
  for (const range of ["1:0", "0:1:2", "0:1:0", "0.5:0.5"]) {
    assertThrows(
      () => searchSpace({ scaling_factor: range }),
      ConfigError,
      `method.scaling_factor: found the range ${range}`,
    );
  }
  assertThrows(
    () => searchSpace({ scaling_factor: 0.3, weights: "out/weights.json" }),
    ConfigError,
    "nothing to search for",
  );
});

function pointsOf(strategy: Strategy, most = 1000): number[][] {
  const points: number[][] = [];
  for (let i = 0; i < most; i++) {
    const point = strategy.ask();
    if (!point) break;
    points.push(point);
    strategy.tell(0);
  }
  return points;
}

Deno.test("grid: every combination once, values without the dust of binary fractions", () => {
  const space = searchSpace({ a: "0.1:1.0:0.1", b: "1:3:1" });
  const points = pointsOf(createStrategy("grid", space, 0));
  assertEquals(points.length, 30);
  assertEquals(points.slice(0, 4), [[0.1, 1], [0.1, 2], [0.1, 3], [0.2, 1]]);
  assertEquals(points.at(-1), [1, 3]);
  assertEquals(points[6], [0.3, 1]);
  assertThrows(
    () => createStrategy("grid", searchSpace({ a: "0:1" }), 0),
    ConfigError,
    "expected LOW:HIGH:STEP for strategy=grid",
  );
});

Deno.test("random: within ranges and on steps, the same for a seed, others for another", () => {
  const space = searchSpace({ a: "-2:2", b: "0:1:0.25" });
  const points = pointsOf(createStrategy("random", space, 1), 200);
  assertEquals(pointsOf(createStrategy("random", space, 1), 200), points);
  assert(`${pointsOf(createStrategy("random", space, 2), 5)}` !== `${points}`);
  assert(points.every(([a, b]) => Math.abs(a!) <= 2 && b! * 4 % 1 === 0));
  assertEquals(new Set(points.map(([, b]) => b)).size, 5);
  const mean = points.reduce((sum, [a]) => sum + a!, 0) / points.length;
  assert(Math.abs(mean) < 0.25, `${mean}`);
});

for (
  const [name, height] of Object.entries({
    // A narrow, turned valley, its top off the centre.
    valley: ([x, y, z]: number[]) =>
      -((x! - 0.8) ** 2) - 100 * (y! - x!) ** 2 - (z! - 0.2) ** 2,
    // The top is on the border.
    border: ([x, y, z]: number[]) => x! + 2 * y! - z!,
  })
) {
  Deno.test(`cma_es climbs to the top of a ${name}`, () => {
    const space = searchSpace({ a: "0:1", b: "0:1", c: "0:1" });
    const strategy = createStrategy("cma_es", space, 0);
    let best: number[] = [];
    let top = -Infinity;
    for (let i = 0; i < 400; i++) {
      const point = strategy.ask()!;
      assert(point.every((x) => x >= 0 && x <= 1));
      const score = height(point);
      strategy.tell(score);
      if (score > top) [best, top] = [point, score];
    }
    const expected = name === "valley" ? [0.8, 0.8, 0.2] : [1, 1, 0];
    for (const [i, x] of best.entries()) {
      assertAlmostEquals(x, expected[i]!, 1e-2);
    }
  });
}

/** A search over a hill; counts evaluations, and is killed after some. */
async function climb(
  record: TrialRecord,
  { trials = 30, patience = null as number | null, killAfter = Infinity } = {},
): Promise<{ evaluated: number; best?: Trial; trials: readonly Trial[] }> {
  const space = searchSpace({ a: "0:1", b: "0:1" });
  let evaluated = 0;
  try {
    const result = await search(
      createStrategy("cma_es", space, 5),
      record,
      ([a, b]) => {
        if (evaluated === killAfter) throw new Error("killed");
        evaluated++;
        const accuracy = 1 - (a! - 0.3) ** 2 - (b! - 0.6) ** 2;
        const result = { accuracy, loss: 1 - accuracy };
        return Promise.resolve({
          model_info: {
            trainable_params: 1,
            all_params: 1,
            trainable_percentage: 1,
          },
          hill: result,
          average: result,
        });
      },
      { trials, patience, objective: "accuracy" },
    );
    return { evaluated, ...result };
  } catch (error) {
    if ((error as Error).message !== "killed") throw error;
    return { evaluated, trials: [] };
  } finally {
    record.close();
  }
}

Deno.test("a search that is killed again and again goes on to the same result", async () => {
  const alone = await climb(TrialRecord.nowhere());
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/record.jsonl`;
    let sum = 0;
    for (const killAfter of [4, 1, 9, Infinity]) {
      const { evaluated, ...result } = await climb(
        TrialRecord.open(path, { of: "hill" }, true),
        { killAfter },
      );
      sum += evaluated;
      if (killAfter === Infinity) {
        assertEquals({ evaluated: 30, ...result }, alone);
      } // Half a line, as a kill in the midst of writing leaves.
      else Deno.writeTextFileSync(path, '{"trial":99,"poi', { append: true });
    }
    assertEquals(sum, 30, "no trial is evaluated twice");
    const lines = Deno.readTextFileSync(path).trimEnd().split("\n");
    assertEquals(lines.length, 31);
    assertThrows(
      () => TrialRecord.open(path, { of: "another" }, true),
      ConfigError,
      "it is not of this search",
    );
    assertEquals(
      (await climb(TrialRecord.open(path, { of: "another" }, false)))
        .evaluated,
      30,
    );
  });
});

Deno.test("a search without a trial leaves no record", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/record.jsonl`;
    const open = () => TrialRecord.open(path, { of: "hill" }, true);
    await climb(open(), { killAfter: 0 });
    assertEquals(listNames(folder), []);
    await climb(open(), { killAfter: 1 });
    const kept = Deno.readTextFileSync(path);
    await climb(open(), { killAfter: 0 });
    assertEquals(Deno.readTextFileSync(path), kept);
  });
});

Deno.test("a search stops when none has been better for long, with the first of the best", async () => {
  const all = await climb(TrialRecord.nowhere(), { trials: 60 });
  const stopped = await climb(TrialRecord.nowhere(), {
    trials: 60,
    patience: 4,
  });
  assert(stopped.trials.length < 60);
  assertEquals(stopped.trials, all.trials.slice(0, stopped.trials.length));
  assertEquals(stopped.trials.length - 1 - stopped.best!.trial, 4);
});
