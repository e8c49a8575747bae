import { dataPath } from "../reference.ts";

/** The golden file that these tests read. */
export const GOLDEN = dataPath("tests/data/golden/forward_micro.safetensors");

/** Bytes of a safetensors file with a hand-made header. */
export function safetensorsBytes(
  header: unknown,
  dataBytes: number,
): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}
