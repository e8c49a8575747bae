import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { openSafetensors } from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { GOLDEN, safetensorsBytes } from "./safetensors_case.ts";

/** Written by the safetensors library 0.8: every type, a scalar, no elements. */
const EVERY_TYPE =
  "cAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlIjoiw6kiLCJmb3JtYXQiOiJwdCJ9LCJpNjQiOnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlswLDI0XX0sImY2NCI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzI0LDQ4XX0sImVtcHR5Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlswLDNdLCJkYXRhX29mZnNldHMiOls0OCw0OF19LCJmMzIiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRhdGFfb2Zmc2V0cyI6WzQ4LDY0XX0sInNjYWxhciI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbNjQsNjhdfSwiaTMyIjp7ImR0eXBlIjoiSTMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNjgsNzZdfSwiYmYxNiI6eyJkdHlwZSI6IkJGMTYiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls3Niw4MF19LCJmMTYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls4MCw4Nl19LCJ1OCI6eyJkdHlwZSI6IlU4Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbODYsODhdfSwiYm9vbCI6eyJkdHlwZSI6IkJPT0wiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls4OCw5MV19fSD7/////////wEAAAAAAQAAAAAAAAD///+amZmZmZm5P1nz+MIfbqUBAAAAAAAADMDNzMw9AAAAQAAAQEAAAIDAAAAgQAcAAAAAAACAzT1if2Yu/3sBAAD/AQAB";

/** `tensor.float().flatten().tolist()` of each. */
const EVERY_VALUE: Record<string, number[]> = {
  i64: [-5, 1099511627776, -1099511627776],
  f64: [0.10000000149011612, 0, -3.5],
  empty: [],
  f32: [0.10000000149011612, 2, 3, -4],
  scalar: [2.5],
  i32: [7, -2147483648],
  bf16: [0.10009765625, 3.00405527047391e38],
  f16: [0.0999755859375, 65504, 5.960464477539063e-8],
  u8: [0, 255],
  bool: [1, 0, 1],
};

Deno.test("openSafetensors() reads every type as Python does", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "every.safetensors");
    await Deno.writeFile(path, Uint8Array.fromBase64(EVERY_TYPE));
    const file = await openSafetensors(path);
    assertEquals(file.names, Object.keys(EVERY_VALUE));
    assertEquals({ ...file.metadata }, { note: "é", format: "pt" });
    for (const [name, values] of Object.entries(EVERY_VALUE)) {
      assertEquals([...await file.read(name)], values, name);
      const last = values.slice(-1);
      const begin = values.length - last.length;
      assertEquals([...await file.read(name, begin)], last, name);
    }
    assertEquals(file.info("scalar"), { dtype: "F32", shape: [] });
    assertEquals(file.info("empty"), { dtype: "F32", shape: [0, 3] });
    file.close();
  });
});

Deno.test("openSafetensors() reads the golden's numbers", async () => {
  const file = await openSafetensors(GOLDEN);
  const name = "alpha.hidden_states.2";
  assertEquals(file.info(name), { dtype: "F32", shape: [4, 16, 8, 8] });
  const values = await file.read(name);
  // From Python: t.flatten()[:3], t.flatten()[-1], t.double().sum()
  assertEquals([...values.subarray(0, 3)], [
    0.5618772506713867,
    0.16280145943164825,
    0.03965143859386444,
  ]);
  assertEquals(values.at(-1), 0.26781752705574036);
  assertAlmostEquals(
    values.reduce((sum, value) => sum + value, 0),
    -56.308759599458426,
    1e-10,
  );
  file.close();
});

Deno.test("read() gives ranges, many at once", async () => {
  const file = await openSafetensors(GOLDEN);
  const name = "alpha.hidden_states.0";
  const whole = await file.read(name);
  const begins = Array.from({ length: 64 }, (_, i) => i * 127);
  const parts = await Promise.all(
    begins.map((begin) => file.read(name, begin, begin + 100)),
  );
  for (const [i, part] of parts.entries()) {
    assertEquals(part, whole.slice(begins[i], begins[i]! + 100));
  }
  const target = new Float32Array(8).fill(9);
  await file.readInto(name, 5, 10, target.subarray(2));
  assertEquals([...target], [9, 9, ...whole.subarray(5, 10), 9]);
  file.close();
});

Deno.test("read() refuses what is not there", async () => {
  const file = await openSafetensors(GOLDEN);
  const name = "alpha.hidden_states.4";
  for (const [begin, end] of [[-1, 2], [3, 2], [0, 513], [0.5, 2]]) {
    await assertRejects(
      () => file.read(name, begin, end),
      CheckpointError,
      "has 512 elements, found a request for elements",
    );
  }
  await assertRejects(
    () => file.readInto(name, 0, 4, new Float32Array(3)),
    CheckpointError,
    "do not fit into an array of 3",
  );
  await assertRejects(
    () => file.read("nothing"),
    CheckpointError,
    `has no tensor "nothing"`,
  );
  assertThrows(() => file.info("nothing"), CheckpointError);
  const reading = file.read(name);
  file.close();
  assertEquals((await reading).length, 512, "what was under way must end");
  await assertRejects(() => file.read(name), CheckpointError, "is closed");
});

Deno.test("data need not be aligned", async () => {
  await inTemporaryFolder(async (folder) => {
    for (let spaces = 0; spaces < 8; spaces++) {
      const header = JSON.stringify({
        b: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
        d: { dtype: "F64", shape: [2], data_offsets: [1, 17] },
        h: { dtype: "F16", shape: [1], data_offsets: [17, 19] },
        f: { dtype: "F32", shape: [1], data_offsets: [19, 23] },
      }) + " ".repeat(spaces);
      const bytes = safetensorsBytes(header, 23);
      const view = new DataView(bytes.buffer, bytes.length - 23);
      view.setUint8(0, 3);
      view.setFloat64(1, 1.5, true);
      view.setFloat64(9, -7, true);
      view.setFloat16(17, 0.25, true);
      view.setFloat32(19, 42, true);
      const path = join(folder, "unaligned.safetensors");
      await Deno.writeFile(path, bytes);
      const file = await openSafetensors(path);
      assertEquals([...await file.read("b")], [3]);
      assertEquals([...await file.read("d")], [1.5, -7]);
      assertEquals([...await file.read("h")], [0.25]);
      assertEquals([...await file.read("f")], [42]);
      file.close();
    }
  });
});

const tensor = (begin: number, end: number): unknown => ({
  dtype: "F32",
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
});
const raw = (bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const one = `{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`;

const HOSTILE: Record<string, [bytes: Uint8Array, message: RegExp]> = {
  "empty file": [raw([]), /it has 0 bytes, expected a header/],
  "no header": [raw([2, 0, 0, 0, 0, 0, 0, 0]), /has 8 bytes/],
  "header of no bytes": [
    raw([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]),
    /its header has 0 bytes/,
  ],
  "huge header": [
    raw([0, 0, 0, 0, 0, 0, 0, 128, 1, 1, 1]),
    /header would have 9223372036854776000 bytes, expected at most 100000000/,
  ],
  "Git LFS pointer": [
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"),
    /git lfs pull/,
  ],
  "header cut off": [
    safetensorsBytes({ a: tensor(0, 4) }, 4).subarray(0, 30),
    /is cut off: its header promises 62 bytes, the file has 30/,
  ],
  "data cut off": [
    safetensorsBytes({ a: tensor(0, 8) }, 5),
    /is cut off: its header promises 70 bytes, the file has 67/,
  ],
  "too long": [
    safetensorsBytes({ a: tensor(0, 8) }, 9),
    /is too long: its header promises 70 bytes, the file has 71/,
  ],
  "not UTF-8": [
    raw([3, 0, 0, 0, 0, 0, 0, 0, 123, 255, 125]),
    /not valid UTF-8/,
  ],
  "byte order mark": [safetensorsBytes("\ufeff{}", 0), /not valid JSON/],
  "not JSON": [safetensorsBytes("{'a': 1}", 0), /not valid JSON/],
  "a list": [safetensorsBytes("[1, 2]", 0), /not a JSON object of tensors/],
  "null": [safetensorsBytes("null", 0), /not a JSON object of tensors/],
  "tensor is a number": [
    safetensorsBytes({ a: 1 }, 0),
    /tensor "a" is not an object/,
  ],
  "name twice": [
    safetensorsBytes(`{"a":${one},"a":${one}}`, 4),
    /has "a" twice/,
  ],
  "name twice, escaped": [
    safetensorsBytes(`{"a{,\\"":${one}, "\\u0061{,\\"" :${one}}`, 4),
    /has "a{,\\"" twice/,
  ],
  "key twice in a tensor": [
    safetensorsBytes(`{"a":{"shape":[0],${one.slice(1)}}`, 4),
    /has "shape" twice/,
  ],
  "unknown type": [
    safetensorsBytes({
      a: { dtype: "F8_E4M3", shape: [4], data_offsets: [0, 4] },
    }, 4),
    /tensor "a" has dtype "F8_E4M3", expected one of F64, F32/,
  ],
  "inherited type": [
    safetensorsBytes({
      a: { dtype: "toString", shape: [4], data_offsets: [0, 4] },
    }, 4),
    /has dtype "toString"/,
  ],
  "negative shape": [
    safetensorsBytes({
      a: { dtype: "F32", shape: [-1, -1], data_offsets: [0, 4] },
    }, 4),
    /has shape \[-1,-1\], expected non-negative integers/,
  ],
  "fractional shape": [
    safetensorsBytes({
      a: { dtype: "F32", shape: [0.5, 2], data_offsets: [0, 4] },
    }, 4),
    /has shape/,
  ],
  "shape beyond counting": [
    safetensorsBytes({
      a: { dtype: "F32", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] },
    }, 4),
    /has 4 bytes, expected Infinity/,
  ],
  "shape and bytes differ": [
    safetensorsBytes({
      a: { dtype: "F16", shape: [3], data_offsets: [0, 4] },
    }, 4),
    /tensor "a" has 4 bytes, expected 6 for shape \[3\] of F16/,
  ],
  "ends before it begins": [
    safetensorsBytes({
      a: { dtype: "F32", shape: [1], data_offsets: [4, 0] },
    }, 4),
    /begins at byte 4, after its end at byte 0/,
  ],
  "one offset": [
    safetensorsBytes({ a: { dtype: "F32", shape: [], data_offsets: [0] } }, 4),
    /has data_offsets \[0\], expected \[begin, end\]/,
  ],
  "overlap": [
    safetensorsBytes({ a: tensor(0, 8), b: tensor(4, 12) }, 12),
    /tensors "a" and "b" overlap/,
  ],
  "metadata of numbers": [
    safetensorsBytes({ __metadata__: { a: 1 } }, 0),
    /__metadata__ has 1 for "a", expected a string/,
  ],
  "name with a line break": [
    safetensorsBytes({ "a\nb": 1 }, 0),
    /tensor "a\\nb" is not an object/,
  ],
};

for (const [name, [bytes, message]] of Object.entries(HOSTILE)) {
  Deno.test(`openSafetensors() refuses: ${name}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "hostile.safetensors");
      await Deno.writeFile(path, bytes);
      const error = await assertRejects(
        () => openSafetensors(path),
        CheckpointError,
        path,
      );
      assertMatch(error.message, message);
      assert(!error.message.includes("\n"), "expected one line");
    });
  });
}

Deno.test("openSafetensors() names what cannot be opened", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "missing.safetensors");
    const error = await assertRejects(
      () => openSafetensors(path),
      CheckpointError,
    );
    assertEquals(error.message, `cannot read ${path}: no such file or folder`);
    await assertRejects(() => openSafetensors(folder), CheckpointError, folder);
  });
});

Deno.test("a tensor may have any name", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "names.safetensors");
    const header = `{"__proto__":${one},"constructor":{"dtype":"U8",` +
      `"shape":[0],"data_offsets":[4,4]}}`;
    await Deno.writeFile(path, safetensorsBytes(header, 4));
    const file = await openSafetensors(path);
    assertEquals(file.names, ["__proto__", "constructor"]);
    assertEquals([...await file.read("__proto__")], [0]);
    assertThrows(() => file.info("toString"), CheckpointError);
    file.close();
  });
});
