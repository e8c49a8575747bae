import type { StateDict } from "./state_dict.ts";

/**
 * Some tensors of a state dict. It is a view; closing it closes the source.
 *
 * @param names Which ones; the source has them all.
 */
export function selectedTensors(
  stateDict: StateDict,
  names: readonly string[],
): StateDict {
  const { source, location } = stateDict;
  return {
    names,
    source,
    ...(location !== undefined && { location }),
    info: (name) => stateDict.info(name),
    read: (name, begin, end) => stateDict.read(name, begin, end),
    ...(stateDict.readInto && {
      readInto: (name, begin, end, target) =>
        stateDict.readInto!(name, begin, end, target),
    }),
    close: () => stateDict.close(),
  };
}
