import { assertEquals, assertThrows } from "@std/assert";
import { pillowResize, RESAMPLE } from "../../src/convnext/pillow_resize.ts";
import type { RgbImage } from "../../src/dataset/mod.ts";
import { ConfigError } from "../../src/fusion_error.ts";

function noise(width: number, height: number): RgbImage {
  let state = 1;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { width, height, data };
}

async function digest(data: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", Uint8Array.from(data));
  return Array.from(
    new Uint8Array(hash, 0, 8),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

/**
 * From [width, height] to [width, height], and how the SHA-256 of the bytes
 * begins that Pillow 13.0 gives with filters 0 to 5.
 */
const CASES: [[number, number, number, number], string[]][] = [
  [[37, 23, 16, 16], [
    "ab8ad8fb2a56fe5e",
    "b28487c225fb9abe",
    "3e09eedc0584100f",
    "258559c24974445f",
    "e607736e73d82eb2",
    "a405614b62ae164b",
  ]],
  [[16, 16, 37, 23], [
    "7e4622c5694d2f9e",
    "1124ab9ba94af2fd",
    "a3129eb0c4e63ebb",
    "9558aa0b3a2e81b5",
    "8ab10b6820a71968",
    "037e402cb419dfa1",
  ]],
  [[64, 9, 5, 90], [
    "d240015539919eb5",
    "e5940865c70d7ca8",
    "88cb1ea6f57de0a1",
    "c8de194a89fee241",
    "826e564a54ba5b01",
    "cc8c2024e2101be5",
  ]],
  [[50, 50, 50, 20], [
    "9a5d1cb253b9cc1d",
    "639a39a9ad535171",
    "f62aa0891f4644ee",
    "9f7710aa3009721f",
    "728d62afbb4e7342",
    "0a2d4c9e88d5d1f5",
  ]],
  [[50, 50, 20, 50], [
    "04f8d8553ba20d35",
    "c0763c64f031f080",
    "58e9d4c9a326a24a",
    "9d76276d47df5529",
    "c6f65599d915873c",
    "717480732c0dbce7",
  ]],
  [[1, 1, 7, 3], [
    "0bcbb3ced8effc8a",
    "0bcbb3ced8effc8a",
    "0bcbb3ced8effc8a",
    "0bcbb3ced8effc8a",
    "0bcbb3ced8effc8a",
    "0bcbb3ced8effc8a",
  ]],
  [[31, 50, 31, 50], [
    "c59ef98a61a4aef8",
    "c59ef98a61a4aef8",
    "c59ef98a61a4aef8",
    "c59ef98a61a4aef8",
    "c59ef98a61a4aef8",
    "c59ef98a61a4aef8",
  ]],
  [[300, 200, 33, 21], [
    "9d269fe621780407",
    "8d148d652a5deda9",
    "30df1e18132ec4d6",
    "50459bbfe9d10455",
    "5e100f877241a648",
    "e063de6253be923d",
  ]],
  [[37, 90, 64, 16], [
    "54d7f65c1bf83b97",
    "b7e9920d4fa53c6b",
    "5fbbde403dc91da3",
    "979fd087dd8e7f35",
    "9478f779efc13782",
    "bc26079959951563",
  ]],
  [[100, 100, 96, 92], [
    "1538150bcfb7256a",
    "1a10af2da461abd7",
    "d46918d01c2c19b6",
    "0c90680a337133b9",
    "d38d1e62d6a6068d",
    "b2378c9d682cfb24",
  ]],
  [[100, 100, 96, 91], [
    "f373f39c577f2e4f",
    "6cd1d54fbc694b72",
    "cc7db1efbdccfd43",
    "62841888f99b2b6a",
    "f398283d539c176d",
    "d21c19f2853d3476",
  ]],
  [[9, 300, 7, 40], [
    "81ab1a4705218470",
    "b3e486681033bfa2",
    "5bfe7859d68634ed",
    "949fb7729a08e3dc",
    "ffede6c980a8983d",
    "29c0b22d56414032",
  ]],
  [[20, 60, 20, 41], [
    "d0929517cb6e0c20",
    "3412dfa3621a2761",
    "16ce82ca309e1087",
    "a16418a66c6cfd26",
    "ea0dabac630adda4",
    "b5faa2ec7a355606",
  ]],
];

for (const [[width, height, toWidth, toHeight], digests] of CASES) {
  Deno.test(
    `${width}×${height} to ${toWidth}×${toHeight} equals Pillow with every filter`,
    async () => {
      const image = noise(width, height);
      for (const [name, resample] of Object.entries(RESAMPLE)) {
        const resized = pillowResize(image, toWidth, toHeight, { resample });
        assertEquals([resized.width, resized.height], [toWidth, toHeight]);
        assertEquals(await digest(resized.data), digests[resample], name);
      }
    },
  );
}

Deno.test("a region equals that part of the whole", () => {
  const image = noise(61, 43);
  const region = { left: 7, top: 3, width: 11, height: 19 };
  for (
    const [toWidth, toHeight] of [
      [30, 25],
      [61, 25],
      [30, 43],
      [61, 43],
      [70, 30],
    ]
  ) {
    for (const resample of Object.values(RESAMPLE)) {
      const whole = pillowResize(image, toWidth!, toHeight!, { resample });
      const part = pillowResize(image, toWidth!, toHeight!, {
        resample,
        region,
      });
      for (let y = 0; y < region.height; y++) {
        const from = ((region.top + y) * toWidth! + region.left) * 3;
        assertEquals(
          part.data.slice(y * 33, (y + 1) * 33),
          whole.data.slice(from, from + 33),
        );
      }
    }
  }
});

Deno.test("one colour stays that colour", () => {
  const data = new Uint8Array(20 * 30 * 3).fill(201);
  for (const resample of Object.values(RESAMPLE)) {
    const { data: resized } = pillowResize(
      { width: 20, height: 30, data },
      13,
      57,
      { resample },
    );
    assertEquals(resized.every((value) => value === 201), true);
  }
});

Deno.test("the image given is left as it was", () => {
  const image = noise(8, 8);
  pillowResize(image, 8, 8).data.fill(0);
  assertEquals(image, noise(8, 8));
});

Deno.test("a number that is no filter is refused", () => {
  assertThrows(
    () => pillowResize(noise(4, 4), 2, 2, { resample: 6 }),
    ConfigError,
    "resample is 6, expected one of 0 (nearest)",
  );
});
