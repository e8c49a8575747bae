import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { memoryStateDict, type StateDict } from "../../src/checkpoint/mod.ts";
import { MethodError, ModelPoolError } from "../../src/fusion_error.ts";
import {
  type BoundMethod,
  mergeInMemory,
  type MergePool,
  mergePool,
} from "../../src/merge/mod.ts";
import { loadMethod } from "../../src/method/mod.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const average = await loadMethod("simple_average", {});
const arithmetic = await loadMethod("task_arithmetic", { scaling_factor: 1 });

type Tensors = Record<string, { shape: number[]; data: Float32Array }>;

/** A model of two targets and a head; `value` tells each model's apart. */
function model(
  name: string,
  value: (index: number) => number,
  changes: Tensors = {},
): StateDict {
  const filled = (shape: number[]): Tensors[string] => ({
    shape,
    data: Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => value(i),
    ),
  });
  return memoryStateDict({
    "convnext.embeddings.weight": filled([5, 8]),
    "convnext.layernorm.bias": filled([3]),
    "classifier.weight": filled([2, 3]),
    ...changes,
  }, name);
}

function pool(...experts: StateDict[]): MergePool {
  return { models: new Map(experts.map((expert, i) => [`m${i}`, expert])) };
}

/** Expected averages of m0 = i and m1 = 10 i. */
const HALVES = Array.from({ length: 40 }, (_, i) => 5.5 * i);
const two = (): MergePool =>
  pool(model("a", (i) => i), model("b", (i) => 10 * i));

for (const chunkSize of [1, 3, 7, 8, 39, 40, 41, 1 << 20]) {
  Deno.test(`chunks of ${chunkSize}: each element once, in order, same numbers`, async () => {
    const written = new Map<string, number[]>();
    const progress: number[] = [];
    await mergePool(two(), average, {
      write(name, begin, values) {
        const all = written.get(name) ?? [];
        assertEquals(begin, all.length, `${name} at ${begin}`);
        assert(values.length <= chunkSize);
        written.set(name, [...all, ...values]);
        return Promise.resolve();
      },
    }, {
      chunkSize,
      onProgress: (done, total) => {
        assertEquals(total, 43);
        progress.push(done);
      },
    });
    assertEquals(Object.fromEntries(written), {
      "convnext.embeddings.weight": HALVES,
      "convnext.layernorm.bias": HALVES.slice(0, 3),
    });
    assertEquals(progress, progress.toSorted((a, b) => a - b));
    assertEquals(progress.at(-1), 43);
  });
}

/** Waits a while that differs from call to call. */
function slowly(): () => Promise<void> {
  let calls = 0;
  return () =>
    new Promise((resolve) => setTimeout(resolve, [3, 0, 8, 1, 5][calls++ % 5]));
}

Deno.test("however slow sources and sink are, no chunk takes another's values", async () => {
  const slow = (stateDict: StateDict): StateDict => {
    const wait = slowly();
    return {
      ...stateDict,
      async read(name, begin, end) {
        await wait();
        return await stateDict.read(name, begin, end);
      },
      async readInto(name, begin, end, target) {
        await wait();
        target.set(await stateDict.read(name, begin, end));
        await wait();
      },
    };
  };
  const models = two().models;
  const wait = slowly();
  const merged = new Float32Array(40);
  await mergePool(
    pool(slow(models.get("m0")!), slow(models.get("m1")!)),
    average,
    {
      async write(name, begin, values) {
        await wait();
        if (name.endsWith("weight")) merged.set(values, begin);
      },
    },
    { chunkSize: 3 },
  );
  assertEquals([...merged], HALVES);
});

Deno.test("a whole merge leaves no tensor behind, one that fails neither", async () => {
  await mergeInMemory(two(), average);
  const before = tf.memory().numTensors;
  await mergeInMemory(two(), average, { chunkSize: 5 });
  await assertRejects(() =>
    mergeInMemory(
      pool(model("a", (i) => i), model("b", (i) => i === 17 ? NaN : i)),
      average,
      { chunkSize: 5 },
    )
  );
  assertEquals(tf.memory().numTensors, before);
});

for (const value of [NaN, Infinity, -Infinity]) {
  Deno.test(`${value} in a source: model, tensor and place are named`, async () => {
    const broken = pool(
      model("a.safetensors", (i) => i),
      model("b.safetensors", (i) => i === 17 ? value : i),
    );
    for (const chunkSize of [5, 1000]) {
      await assertRejects(
        () => mergeInMemory(broken, average, { chunkSize }),
        MethodError,
        `b.safetensors: tensor convnext.embeddings.weight holds ${value} at element 17`,
      );
    }
    const merged = await mergeInMemory(broken, average, {
      allowNonfinite: true,
    });
    const values = await merged.read("convnext.embeddings.weight");
    assertEquals(values[17], value);
    assertEquals(values[18], 18);
  });
}

Deno.test("what is merged is the targets; heads may be of any size", async () => {
  const head = { shape: [7, 3], data: new Float32Array(21) };
  const merged = await mergeInMemory(
    pool(
      model("a", (i) => i),
      model("b", (i) => 10 * i, { "classifier.weight": head }),
    ),
    average,
  );
  assertEquals(merged.names, [
    "convnext.embeddings.weight",
    "convnext.layernorm.bias",
  ]);
  const heads = await mergeInMemory(two(), average, {
    targets: ["classifier"],
  });
  assertEquals(heads.names, ["classifier.weight"]);
  assertEquals([...await heads.read("classifier.weight")], HALVES.slice(0, 6));
});

Deno.test("a pretrained that a method does not need is not averaged in", async () => {
  const merged = await mergeInMemory(
    { pretrained: model("p", () => 1000), ...two() },
    average,
  );
  assertEquals([...await merged.read("convnext.layernorm.bias")], [0, 5.5, 11]);
});

Deno.test("method and pool that do not fit", async () => {
  const refused = async (
    merging: MergePool,
    method: BoundMethod,
    ...words: string[]
  ): Promise<void> => {
    const error = await assertRejects(
      () => mergeInMemory(merging, method),
      MethodError,
    );
    for (const word of words) assertStringIncludes(error.message, word);
  };
  await refused(two(), arithmetic, "task_arithmetic", "no _pretrained_");
  const slerp = await loadMethod("slerp/slerp", {});
  const three = pool(...["a", "b", "c"].map((name) => model(name, (i) => i)));
  await refused(three, slerp, "slerp", "3 models", "m0, m1, m2", "exactly 2");
});

Deno.test("models of different shapes: nothing is read or written", async () => {
  let touched = 0;
  const watched: StateDict = {
    ...model("a", (i) => i),
    read: () => Promise.reject(new Error(`read ${touched++}`)),
    readInto: () => Promise.reject(new Error(`read ${touched++}`)),
  };
  const other = model("b", (i) => i, {
    "convnext.layernorm.bias": { shape: [4], data: new Float32Array(4) },
  });
  await assertRejects(
    () =>
      mergePool(pool(watched, other), average, {
        write: () => Promise.resolve(void touched++),
      }),
    ModelPoolError,
    "model m1 (b): tensor convnext.layernorm.bias has shape [4], a has [3]",
  );
  assertEquals(touched, 0);
});

Deno.test("a source or sink that fails ends the merge with its own error", async () => {
  for (const chunkSize of [1, 1000]) {
    const failing: StateDict = {
      ...model("a", (i) => i),
      read: () => Promise.reject(new Error("disk gone")),
      readInto: () => Promise.reject(new Error("disk gone")),
    };
    await assertRejects(
      () =>
        mergeInMemory(pool(failing, model("b", (i) => i)), average, {
          chunkSize,
        }),
      Error,
      "disk gone",
    );
    let writes = 0;
    await assertRejects(
      () =>
        mergePool(two(), average, {
          write: () =>
            ++writes === 1
              ? Promise.reject(new Error("disk full"))
              : Promise.resolve(),
        }, { chunkSize }),
      Error,
      "disk full",
    );
    assert(writes < 43, `${writes} writes after the first failed`);
  }
});
