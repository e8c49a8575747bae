import {
  advance,
  advanceBy,
  type Code,
  get,
  I32,
  integer,
  lanes,
  load,
  repeat,
  set,
  store,
  V128,
  type WasmFunction,
} from "../../wasm_assembly.ts";

/** Height and width of the kernels. */
export const SIDE = 7;
/** Pixels of the longest run: their sums and a row of a kernel fill registers. */
export const RUN_PIXELS = 7;

/**
 * A depthwise 7x7 convolution of a run of pixels that lie side by side, plus a
 * bias: `depthwise{pixels}(input, kernel, kernelEnd, bias, output, rowBytes,
 * pixelBytes)`.
 *
 * `input` is where the first pixel's window begins, in an image with a border;
 * the kernel is [channels / 4, 7, 7, 4].
 */
export function depthwise(pixels: number): WasmFunction {
  const [input, kernel, kernelEnd, bias, output, rowBytes, pixelBytes] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
  ];
  const [row, rowEnd, at] = [7, 8, 9];
  const sum = (pixel: number): number => 10 + pixel;
  const weight = (x: number): number => sum(pixels) + x;
  const value = weight(SIDE);
  const count = (length: number, code: (i: number) => Code): Code =>
    Array.from({ length }, (_, i) => code(i)).flat();
  /** All products of the value `x` pixels right of the window's left edge. */
  const column = (x: number): Code => [
    ...load(at),
    ...set(value),
    ...advanceBy(at, get(pixelBytes)),
    ...count(pixels, (pixel) =>
      x < pixel || x - pixel >= SIDE ? [] : [
        ...get(value),
        ...get(weight(x - pixel)),
        ...get(sum(pixel)),
        ...lanes.multiplyAdd,
        ...set(sum(pixel)),
      ]),
  ];
  return {
    name: `depthwise${pixels}`,
    parameters: [I32, I32, I32, I32, I32, I32, I32],
    locals: [I32, I32, I32, ...new Array(pixels + SIDE + 1).fill(V128)],
    code: repeat(
      [
        ...count(pixels, (pixel) => [...load(bias), ...set(sum(pixel))]),
        ...get(input),
        ...set(row),
        ...get(kernel),
        ...set(rowEnd),
        ...advanceBy(rowEnd, integer(SIDE * SIDE * 16)),
        ...repeat(
          [
            ...get(row),
            ...set(at),
            ...count(SIDE, (x) => [...load(kernel, x * 16), ...set(weight(x))]),
            ...count(pixels + SIDE - 1, column),
            ...advanceBy(row, get(rowBytes)),
            ...advanceBy(kernel, integer(SIDE * 16)),
          ],
          kernel,
          rowEnd,
        ),
        ...get(output),
        ...set(at),
        ...count(pixels, (pixel) => [
          ...get(at),
          ...get(sum(pixel)),
          ...store,
          ...advanceBy(at, get(pixelBytes)),
        ]),
        ...advance(input, bias, output),
      ],
      kernel,
      kernelEnd,
    ),
  };
}
