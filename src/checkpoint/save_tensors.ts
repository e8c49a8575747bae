import { SafetensorsWriter } from "./safetensors_writer.ts";
import { elementCount, type StateDict } from "./state_dict.ts";

/** Elements written at a time. */
const WRITE_CHUNK = 1 << 20;

/** What of a state dict is written, and what the file says of itself. */
export interface SaveTensorsOptions {
  /** Names of the tensors. Default: all. */
  names?: readonly string[];
  /** The file's metadata. @default {{ format: "pt" }} */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors of a state dict, with their element types, as a safetensors
 * file; never more than some of them are in memory.
 */
export async function saveTensors(
  path: string,
  source: StateDict,
  { names = source.names, metadata = { format: "pt" } }: SaveTensorsOptions =
    {},
): Promise<void> {
  const writer = await SafetensorsWriter.create(
    path,
    names.map((name) => ({ name, ...source.info(name) })),
    metadata,
  );
  try {
    for (const name of names) {
      const size = elementCount(source.info(name).shape);
      for (let begin = 0; begin < size; begin += WRITE_CHUNK) {
        const end = Math.min(size, begin + WRITE_CHUNK);
        await writer.write(name, begin, await source.read(name, begin, end));
      }
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
