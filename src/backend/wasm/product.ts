import {
  advanceBy,
  type Code,
  get,
  I32,
  integer,
  lanes,
  load,
  repeat,
  scalar,
  set,
  spreadLane,
  store,
  V128,
  type WasmFunction,
} from "../../wasm_assembly.ts";

/**
 * Rows of the largest tile: with a vector of each row, eight sums fill the
 * fifteen registers that V8 has. Where a runtime checks each access, as Deno
 * does, loading fewer vectors beats more sums.
 */
export const TILE_ROWS = 4;
/** Columns of a panel, two vectors. */
export const PANEL_COLUMNS = 8;

/** Depths that are done at once; each number of them is a multiple. */
const DEPTHS = 8;
const VECTORS = PANEL_COLUMNS / 4;

/**
 * The product of tiles of rows and a panel of columns, plus a bias:
 * `product{rows}(tile, end, tileBytes, panel, bias, output, outputBytes,
 * rowStep, vectorStep)`.
 *
 * A tile holds four values of each of its rows, then the next four: [depth / 4,
 * rows, 4]. A panel holds its columns' values one depth after the other:
 * [depth, 8]. Where row r's vector v of the first tile goes: output + r *
 * rowStep + v * vectorStep; each next tile's goes outputBytes further.
 */
export function product(rows: number): WasmFunction {
  const [tile, end, tileBytes, panel, bias, output] = [0, 1, 2, 3, 4, 5];
  const [outputBytes, rowStep, vectorStep] = [6, 7, 8];
  const [kernel, tileEnd, place] = [9, 10, 11];
  const sum = (row: number, vector: number): number =>
    12 + row * VECTORS + vector;
  const column = (vector: number): number => sum(rows, vector);
  const row = (row: number): number => sum(rows + 1, 0) + row;
  const value = row(rows);
  const eachRow = (code: (row: number) => Code): Code =>
    Array.from({ length: rows }, (_, row) => code(row)).flat();
  const eachVector = (code: (vector: number) => Code): Code =>
    Array.from({ length: VECTORS }, (_, vector) => code(vector)).flat();

  const step = (depth: number): Code => [
    ...(depth % 4 > 0 ? [] : eachRow((
      r,
    ) => [...load(tile, (depth * rows + 4 * r) * 4), ...set(row(r))])),
    ...eachVector((v) => [
      ...load(kernel, (depth * VECTORS + v) * 16),
      ...set(column(v)),
    ]),
    ...eachRow((r) => [
      ...spreadLane(row(r), depth % 4),
      ...set(value),
      ...eachVector((v) => [
        ...get(value),
        ...get(column(v)),
        ...get(sum(r, v)),
        ...lanes.multiplyAdd,
        ...set(sum(r, v)),
      ]),
    ]),
  ];
  return {
    name: `product${rows}`,
    parameters: [I32, I32, I32, I32, I32, I32, I32, I32, I32],
    locals: [
      I32,
      I32,
      I32,
      ...new Array((rows + 1) * VECTORS + rows + 1).fill(V128),
    ],
    code: repeat(
      [
        ...get(panel),
        ...set(kernel),
        ...get(tile),
        ...get(tileBytes),
        ...scalar.add,
        ...set(tileEnd),
        ...eachRow((r) =>
          eachVector((v) => [...load(bias, v * 16), ...set(sum(r, v))])
        ),
        ...repeat(
          [
            ...Array.from({ length: DEPTHS }, (_, depth) => step(depth)).flat(),
            ...advanceBy(tile, integer(rows * DEPTHS * 4)),
            ...advanceBy(kernel, integer(DEPTHS * VECTORS * 16)),
          ],
          tile,
          tileEnd,
        ),
        ...get(output),
        ...set(place),
        ...eachRow((r) => [
          ...get(place),
          ...get(sum(r, 0)),
          ...store,
          ...get(place),
          ...get(vectorStep),
          ...scalar.add,
          ...get(sum(r, 1)),
          ...store,
          ...advanceBy(place, get(rowStep)),
        ]),
        ...advanceBy(output, get(outputBytes)),
      ],
      tile,
      end,
    ),
  };
}
