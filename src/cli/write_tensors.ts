import { join } from "@std/path";
import {
  type DType,
  elementCount,
  SafetensorsWriter,
  SAVE_DTYPES,
  type SaveDType,
  type StateDict,
  writePytorch,
} from "../checkpoint/mod.ts";

/** The order of types in a file that the safetensors library writes. */
const DTYPE_ORDER: readonly DType[] = ["I64", "F64", "F32", "I32", "BF16"]
  .concat("F16", "U8", "BOOL") as DType[];

/** Elements written at a time. */
const WRITE_CHUNK = 1 << 20;

/** Kinds of files for a model's weights. */
export const WEIGHT_FILES = ["safetensors", "pytorch"] as const;

/** A kind of file for a model's weights. */
export type WeightFile = typeof WEIGHT_FILES[number];

/** How a model's weights are written. */
export interface WriteTensorsOptions {
  /** Element type; default: each tensor's own. */
  dtype?: SaveDType | undefined;
  /** `model.safetensors` or `pytorch_model.bin`. @default {"safetensors"} */
  weights?: WeightFile | undefined;
}

/** Writes a state dict into a folder, chunk by chunk. */
export async function writeTensors(
  folder: string,
  stateDict: StateDict,
  { dtype, weights = "safetensors" }: WriteTensorsOptions = {},
): Promise<void> {
  // As the safetensors library orders them, so that files compare equal.
  const plans = stateDict.names.map((name) => {
    const info = stateDict.info(name);
    return { name, ...info, dtype: dtype ? SAVE_DTYPES[dtype] : info.dtype };
  }).sort((a, b) =>
    DTYPE_ORDER.indexOf(a.dtype) - DTYPE_ORDER.indexOf(b.dtype) ||
    (a.name < b.name ? -1 : 1)
  );
  if (weights === "pytorch") {
    const path = join(folder, "pytorch_model.bin");
    return await writePytorch(path, plans, stateDict);
  }
  const writer = await SafetensorsWriter.create(
    join(folder, "model.safetensors"),
    plans,
  );
  try {
    for (const { name, shape } of plans) {
      const size = elementCount(shape);
      for (let begin = 0; begin < size; begin += WRITE_CHUNK) {
        const end = Math.min(size, begin + WRITE_CHUNK);
        await writer.write(name, begin, await stateDict.read(name, begin, end));
      }
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
