import { createHash } from "node:crypto";
import { CheckpointError } from "../fusion_error.ts";
import { BinaryFile } from "./binary_file.ts";
import { reasonOf } from "../reason.ts";

const BLOCK_BYTES = 1 << 22;

/**
 * SHA-256 of a file, read in blocks.
 *
 * @returns 64 hexadecimal digits.
 * @throws {CheckpointError} If the file cannot be read.
 */
export async function sha256File(path: string): Promise<string> {
  let file: BinaryFile | undefined;
  try {
    file = new BinaryFile(path, "r");
    const hash = createHash("sha256");
    const block = new Uint8Array(BLOCK_BYTES);
    for (let position = 0;;) {
      const count = await file.read(block, position);
      hash.update(block.subarray(0, count));
      position += count;
      if (count < block.length) return hash.digest("hex");
    }
  } catch (error) {
    throw new CheckpointError(`cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    file?.close();
  }
}
