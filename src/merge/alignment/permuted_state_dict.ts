import { elementCount, type StateDict } from "../../checkpoint/mod.ts";
import {
  permutationAxes,
  type Permutations,
  permuted,
  stageCount,
} from "./permutation_axes.ts";

/**
 * A model with its channels in another order, computed when it is read: it
 * computes the same.
 *
 * @param stateDict It is this one's to close.
 */
export function permutedStateDict(
  stateDict: StateDict,
  permutations: Permutations,
): StateDict {
  const stages = stageCount(stateDict.names);
  // Chunks of one tensor are read one after the other: the last one is kept.
  let last: { name: string; values: Promise<Float32Array> } | undefined;
  const whole = (name: string): Promise<Float32Array> => {
    if (last?.name !== name) {
      const { first, second } = permutationAxes(name, stages);
      const { shape } = stateDict.info(name);
      last = {
        name,
        values: stateDict.read(name).then((values) =>
          permuted(
            values,
            shape,
            first === undefined ? undefined : permutations.get(first),
            second === undefined ? undefined : permutations.get(second),
          )
        ),
      };
    }
    return last.values;
  };
  return {
    names: stateDict.names,
    source: stateDict.source,
    info: (name) => stateDict.info(name),
    read: async (
      name,
      begin = 0,
      end = elementCount(stateDict.info(name).shape),
    ) => (await whole(name)).slice(begin, end),
    close() {
      last = undefined;
      stateDict.close();
    },
  };
}
