import { dirname } from "@std/path";
import { cannotWrite } from "../reason.ts";
import { temporaryFile } from "../temporaries.ts";
import { BinaryFile } from "./binary_file.ts";
import { encodeElements } from "./element_type.ts";
import { pickleTensors } from "./pickled_tensors.ts";
import type { TensorPlan } from "./safetensors_writer.ts";
import { elementCount, type StateDict } from "./state_dict.ts";
import { StoredZip } from "./stored_zip.ts";
import { syncPath } from "./sync_path.ts";

/** Elements written at a time. */
const CHUNK = 1 << 20;

/** The folder that all entries of the file are in. */
const FOLDER = "pytorch_model";

/**
 * Writes tensors as `torch.save` does (`pytorch_model.bin`), in its zip format:
 * `torch.load(path, weights_only=True)` reads them. It is written beside its
 * place and renamed. Equal tensors make equal files.
 *
 * @param path The file; replaced if it exists.
 * @param tensors What is written, in this order, and in which types.
 * @param source Where the elements come from.
 * @throws {CheckpointError} If the file cannot be written, or would have more
 * than 4 GiB.
 */
export async function writePytorch(
  path: string,
  tensors: readonly TensorPlan[],
  source: Pick<StateDict, "read">,
): Promise<void> {
  try {
    const temporary = temporaryFile(path);
    let file: BinaryFile | undefined;
    try {
      file = new BinaryFile(temporary.path, "r+");
      await writeEntries(new StoredZip(path, file), tensors, source);
      await file.sync();
      file.close();
      await Deno.rename(temporary.path, path);
    } catch (error) {
      file?.close();
      await Deno.remove(temporary.path).catch(() => {});
      throw error;
    } finally {
      temporary.release();
    }
    syncPath(dirname(path), true);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

async function writeEntries(
  zip: StoredZip,
  tensors: readonly TensorPlan[],
  source: Pick<StateDict, "read">,
): Promise<void> {
  const encoder = new TextEncoder();
  await zip.add(`${FOLDER}/data.pkl`, [pickleTensors(tensors)]);
  await zip.add(`${FOLDER}/byteorder`, [encoder.encode("little")]);
  for (const [key, plan] of tensors.entries()) {
    await zip.add(`${FOLDER}/data/${key}`, elements(plan, source));
  }
  await zip.add(`${FOLDER}/version`, [encoder.encode("3\n")]);
  await zip.finish();
}

async function* elements(
  { name, dtype, shape }: TensorPlan,
  source: Pick<StateDict, "read">,
): AsyncGenerator<Uint8Array> {
  const size = elementCount(shape);
  for (let begin = 0; begin < size; begin += CHUNK) {
    const end = Math.min(size, begin + CHUNK);
    yield encodeElements(dtype, await source.read(name, begin, end));
  }
}
