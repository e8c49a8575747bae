import { selectedTensors, type StateDict } from "../checkpoint/mod.ts";
import { listed } from "../listed.ts";
import { warnOnce } from "../warn.ts";
import type { ConvNextConfig } from "./config.ts";
import { checkShapes, expectedShapes } from "./expected_shapes.ts";

/** Names that a warning tells. */
const NAMED = 3;

/**
 * The tensors of a state dict that a config's classifier is made of. Others, as
 * a second head or an optimiser's, are left out, with a warning that names them,
 * as in transformers.
 *
 * @throws {CheckpointError} As `checkShapes`: what would have to be left out of
 * the backbone's layers tells of a wrong config, and is an error.
 */
export function usedTensors(
  stateDict: StateDict,
  config: ConvNextConfig,
): StateDict {
  checkShapes(stateDict, config);
  const expected = expectedShapes(config);
  const unused = stateDict.names.filter((name) => !expected.has(name));
  if (unused.length === 0) return stateDict;
  warnOnce(
    `${stateDict.source}: ${unused.length} ${
      unused.length === 1 ? "tensor is" : "tensors are"
    } not used, as a ConvNeXt of its config.json has none such: ${
      listed(unused, NAMED)
    }`,
  );
  return selectedTensors(
    stateDict,
    stateDict.names.filter((name) => expected.has(name)),
  );
}
