/**
 * The permutation with the largest sum of scores: result[row] is the column
 * that the row gets. By shortest augmenting paths (Jonker and Volgenant), in
 * time n³ at worst.
 *
 * https://doi.org/10.1109/TAES.2016.140952
 *
 * @param scores [n, n], row-major.
 * @param size n.
 */
export function bestAssignment(
  scores: ArrayLike<number>,
  size: number,
): Int32Array {
  // Potentials of rows and columns: score <= rowPrice + columnPrice for all.
  const rowPrice = new Float64Array(size);
  const columnPrice = new Float64Array(size);
  const rowOf = new Int32Array(size).fill(-1);
  const columnOf = new Int32Array(size).fill(-1);
  const distance = new Float64Array(size);
  const before = new Int32Array(size);
  const left = new Int32Array(size);
  const reached = new Uint8Array(size);
  const rows = new Int32Array(size);
  for (let start = 0; start < size; start++) {
    distance.fill(Infinity);
    reached.fill(0);
    for (let i = 0; i < size; i++) left[i] = size - 1 - i;
    let remaining = size;
    let rowCount = 0;
    let shortest = 0;
    let row = start;
    let sink = -1;
    while (sink === -1) {
      rows[rowCount++] = row;
      let nearest = -1;
      let least = Infinity;
      const offset = row * size;
      const price = rowPrice[row]!;
      for (let k = 0; k < remaining; k++) {
        const column = left[k]!;
        const length = shortest - scores[offset + column]! - price -
          columnPrice[column]!;
        if (length < distance[column]!) {
          distance[column] = length;
          before[column] = row;
        }
        const found = distance[column]!;
        // Of equally near ones, one that ends the path.
        if (found < least || found === least && rowOf[column] === -1) {
          least = found;
          nearest = k;
        }
      }
      shortest = least;
      const column = left[nearest]!;
      reached[column] = 1;
      left[nearest] = left[--remaining]!;
      if (rowOf[column] === -1) sink = column;
      else row = rowOf[column]!;
    }
    rowPrice[start]! += shortest;
    for (let k = 1; k < rowCount; k++) {
      const visited = rows[k]!;
      rowPrice[visited]! += shortest - distance[columnOf[visited]!]!;
    }
    for (let column = 0; column < size; column++) {
      if (reached[column]) columnPrice[column]! -= shortest - distance[column]!;
    }
    for (let column = sink;;) {
      const owner = before[column]!;
      rowOf[column] = owner;
      const next = columnOf[owner]!;
      columnOf[owner] = column;
      if (owner === start) break;
      column = next;
    }
  }
  return columnOf;
}
