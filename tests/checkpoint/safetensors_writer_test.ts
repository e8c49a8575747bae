import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  cleanUpTemporaries,
  type DType,
  openSafetensors,
  SafetensorsWriter,
} from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { GOLDEN } from "./safetensors_case.ts";

async function roundTrip(
  dtype: DType,
  values: Float32Array,
): Promise<Float32Array> {
  let result: Float32Array = new Float32Array();
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "file.safetensors");
    const shape = [values.length];
    const writer = await SafetensorsWriter.create(path, [
      { name: "odd", dtype: "U8", shape: [3] },
      { name: "x", dtype, shape },
    ]);
    await writer.write("odd", 0, Float32Array.of(1, 2, 3));
    await writer.write("x", 0, values);
    await writer.finish();
    const file = await openSafetensors(path);
    assertEquals(file.info("x"), { dtype, shape });
    assertEquals([...await file.read("odd")], [1, 2, 3]);
    result = await file.read("x");
    file.close();
  });
  return result;
}

// Ties, the largest number, overflow, subnormals, both zeros, not numbers.
const HARD = Float32Array.of(
  ...[0, -0, 1, -2.5, 0.1, 65504, 65519.9, 65520, -1e6],
  ...[1 + 2 ** -11, 1 + 3 * 2 ** -11, 6.1e-5, 2 ** -24, 2 ** -25],
  ...[2.9802326e-8, 3e-8, 1e-10, 1e-40, 1 + 2 ** -8, 1 + 3 * 2 ** -8],
  ...[3.4e38, 3.3961775e38, Infinity, -Infinity, NaN],
);

/** Bits of `torch.tensor(HARD).half()` and `.bfloat16()`, without NaN. */
// deno-fmt-ignore
const TORCH_BITS = {
  F16: [0, 32768, 15360, 49408, 11878, 31743, 31743, 31744, 64512, 15360, 15362,
    1023, 1, 0, 1, 1, 0, 0, 15364, 15372, 31744, 31744, 31744, 64512],
  BF16: [0, 32768, 16256, 49184, 15821, 18304, 18304, 18304, 51572, 16256,
    16256, 14464, 13184, 13056, 13056, 13057, 11996, 1, 16256, 16258, 32640,
    32640, 32640, 65408],
};

Deno.test("F16 rounds as torch does", async () => {
  const bits = Uint16Array.from(TORCH_BITS.F16);
  const expected = new Float32Array(new Float16Array(bits.buffer));
  const actual = await roundTrip("F16", HARD);
  assertEquals(actual.subarray(0, -1), expected);
  assert(Number.isNaN(actual.at(-1)));
});

Deno.test("BF16 rounds as torch does", async () => {
  const bits = Uint32Array.from(TORCH_BITS.BF16, (half) => half << 16);
  const actual = await roundTrip("BF16", HARD);
  assertEquals(actual.subarray(0, -1), new Float32Array(bits.buffer));
  assert(Number.isNaN(actual.at(-1)));
});

Deno.test("every F16 and BF16 number survives", async () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const words = Uint32Array.from(all, (half) => half << 16);
  const isNumber = (value: number): boolean => !Number.isNaN(value);
  const halves = new Float32Array(new Float16Array(all.buffer))
    .filter(isNumber);
  const brains = new Float32Array(words.buffer).filter(isNumber);
  assertEquals(halves.length, 65536 - 2 * 1023);
  assertEquals(await roundTrip("F16", halves), halves);
  assertEquals(brains.length, 65536 - 2 * 127);
  assertEquals(await roundTrip("BF16", brains), brains);
});

Deno.test("a signalling NaN of any sign stays NaN in BF16", async () => {
  const bits = Uint32Array.of(0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff);
  const actual = await roundTrip("BF16", new Float32Array(bits.buffer));
  assertEquals([...actual], [NaN, NaN, NaN, NaN]);
});

Deno.test("F32, F64, integers and booleans survive", async () => {
  assertEquals(await roundTrip("F32", HARD), HARD);
  assertEquals(await roundTrip("F64", HARD), HARD);
  const integers = Float32Array.of(0, -1, 255, -(2 ** 31), 2 ** 31 - 128);
  assertEquals(await roundTrip("I32", integers), integers);
  const long = Float32Array.of(0, -1, 2 ** 32, -(2 ** 32) - 512, -(2 ** 63));
  assertEquals(await roundTrip("I64", long), long);
  const towardsZero = await roundTrip("I32", Float32Array.of(1.9, -1.9));
  assertEquals([...towardsZero], [1, -1]);
  assertEquals(
    [...await roundTrip("U8", Float32Array.of(0, 7.5, 255, -0.5))],
    [0, 7, 255, 0],
  );
  assertEquals(
    [...await roundTrip("BOOL", Float32Array.of(0, -0, 1e-40, -3, NaN))],
    [0, 0, 1, 1, 1],
  );
});

Deno.test("what an integer type cannot hold is an error", async () => {
  for (
    const [dtype, value] of [
      ["U8", 256],
      ["U8", -1],
      ["I32", 2 ** 31],
      ["I64", 2 ** 63],
      ["I32", NaN],
    ] as const
  ) {
    await inTemporaryFolder(async (folder) => {
      const writer = await SafetensorsWriter.create(join(folder, "f"), [
        { name: "x", dtype, shape: [2] },
      ]);
      await assertRejects(
        () => writer.write("x", 0, Float32Array.of(1, value)),
        CheckpointError,
        `tensor "x" has the value ${value}, which ${dtype} cannot hold`,
      );
      await writer.abort();
      assertEquals(listNames(folder), []);
    });
  }
});

Deno.test("a tensor longer than a block of conversion survives", async () => {
  const values = new Float32Array(600_001).map((_, i) => i % 2048 - 1000);
  assertEquals(await roundTrip("F16", values), values);
});

Deno.test("a copy in ranges of any order equals its source", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = await openSafetensors(GOLDEN);
    const path = join(folder, "copy.safetensors");
    const writer = await SafetensorsWriter.create(
      path,
      source.names.map((name) => ({ name, ...source.info(name) })),
    );
    assertEquals(listNames(folder).length, 1);
    assert(!listNames(folder).includes("copy.safetensors"));
    const ranges = source.names.flatMap((name) => {
      const size = source.info(name).shape.reduce((a, b) => a * b, 1);
      return Array.from(
        { length: Math.ceil(size / 999) },
        (_, i) => ({
          name,
          begin: i * 999,
          end: Math.min(size, i * 999 + 999),
        }),
      );
    });
    ranges.sort((a, b) => (a.end * 31) % 17 - (b.end * 31) % 17);
    await Promise.all(ranges.map(async ({ name, begin, end }) => {
      await writer.write(name, begin, await source.read(name, begin, end));
    }));
    await writer.finish();
    assertEquals(listNames(folder), ["copy.safetensors"]);
    const copy = await openSafetensors(path);
    assertEquals(copy.names, source.names);
    assertEquals({ ...copy.metadata }, { format: "pt" });
    for (const name of source.names) {
      assertEquals(await copy.read(name), await source.read(name));
    }
    copy.close();
    source.close();
  });
});

Deno.test("the header ends at a multiple of 8, filled with spaces", async () => {
  await inTemporaryFolder(async (folder) => {
    for (let length = 1; length <= 8; length++) {
      const path = join(folder, "file");
      const name = "n".repeat(length);
      const writer = await SafetensorsWriter.create(path, [
        { name, dtype: "U8", shape: [0] },
      ], {});
      await writer.finish();
      const bytes = await Deno.readFile(path);
      assertEquals(bytes.length % 8, 0);
      assertEquals(
        JSON.parse(new TextDecoder().decode(bytes.subarray(8))),
        {
          __metadata__: {},
          [name]: { dtype: "U8", shape: [0], data_offsets: [0, 0] },
        },
      );
    }
  });
});

Deno.test("finish() refuses a file with elements missing", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "file");
    await Deno.writeTextFile(path, "what was there");
    const writer = await SafetensorsWriter.create(path, [
      { name: "x", dtype: "F32", shape: [2, 5] },
    ]);
    await writer.write("x", 6, new Float32Array(4));
    await writer.write("x", 0, new Float32Array(3));
    await writer.write("x", 2, new Float32Array(2)); // twice is once
    await assertRejects(
      () => writer.finish(),
      CheckpointError,
      `2 of 10 elements of tensor "x" were not written`,
    );
    assertEquals(listNames(folder), ["file"]);
    assertEquals(await Deno.readTextFile(path), "what was there");
  });
});

Deno.test("write() refuses what was not announced", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "file");
    const writer = await SafetensorsWriter.create(path, [
      { name: "x", dtype: "F32", shape: [4] },
    ]);
    const values = new Float32Array(3);
    await assertRejects(() => writer.write("y", 0, values), CheckpointError);
    await assertRejects(() => writer.write("x", 2, values), CheckpointError);
    await assertRejects(() => writer.write("x", -1, values), CheckpointError);
    await writer.abort();
    await assertRejects(
      () => writer.write("x", 0, values),
      CheckpointError,
      "finished already",
    );
    const x = { name: "x", dtype: "F32", shape: [4] } as const;
    await assertRejects(
      () => SafetensorsWriter.create(path, [x, x]),
      CheckpointError,
      `tensor "x" cannot be written twice`,
    );
    assertEquals(listNames(folder), []);
  });
});

Deno.test("create() names a place that cannot be written", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "missing", "file");
    const error = await assertRejects(
      () => SafetensorsWriter.create(path, []),
      CheckpointError,
    );
    assertEquals(error.message, `cannot write ${path}: no such file or folder`);
  });
});

Deno.test("cleanUpTemporaries() removes a file half written", async () => {
  await inTemporaryFolder(async (folder) => {
    const writer = await SafetensorsWriter.create(join(folder, "file"), [
      { name: "x", dtype: "F32", shape: [4] },
    ]);
    assertEquals(listNames(folder).length, 1);
    cleanUpTemporaries();
    assertEquals(listNames(folder), []);
    await writer.abort();
  });
});
