import type { DType, StateDict } from "./state_dict.ts";

/** Element type of a saved model, as configs and the command line name it. */
export type SaveDType = "float32" | "float16" | "bfloat16";

/** Element types as configs and as safetensors name them. */
export const SAVE_DTYPES: Readonly<Record<SaveDType, DType>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};

/** Whether configs name an element type so. */
export function isSaveDType(name: unknown): name is SaveDType {
  return typeof name === "string" && Object.hasOwn(SAVE_DTYPES, name);
}

/** The type of a state dict's first tensor, as configs name it. */
export function saveDTypeOf(stateDict: StateDict): SaveDType {
  const first = stateDict.names[0];
  const dtype = first === undefined ? "F32" : stateDict.info(first).dtype;
  return Object.keys(SAVE_DTYPES).filter(isSaveDType)
    .find((name) => SAVE_DTYPES[name] === dtype) ?? "float32";
}
