import type { StateDict } from "../checkpoint/mod.ts";

/**
 * Expert minus pretrained, as a state dict of the tensors that both have with
 * one shape. Nothing is computed before it is read.
 */
export function taskVector(
  expert: StateDict,
  pretrained: StateDict,
): StateDict {
  const common = new Set(pretrained.names);
  return {
    names: expert.names.filter((name) =>
      common.has(name) &&
      `${expert.info(name).shape}` === `${pretrained.info(name).shape}`
    ),
    source: `${expert.source} - ${pretrained.source}`,
    info: (name) => ({ dtype: "F32", shape: expert.info(name).shape }),
    async read(name, begin, end) {
      const [ours, theirs] = await Promise.all([
        expert.read(name, begin, end),
        pretrained.read(name, begin, end),
      ]);
      return ours.map((value, i) => value - theirs[i]!);
    },
    close: () => {},
  };
}
