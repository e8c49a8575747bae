import * as z from "zod";
import { type MergeMethod, randomUniform } from "../merge/mod.ts";

interface Parameters {
  /** FusionBench's: whether all recombined models are given back. */
  return_modelpool: false | null;
  /** Chooses each tensor's model. */
  seed: number;
}

/**
 * Model recombination: the experts' tensors are dealt out at random among as
 * many new models, of which this is the first: each tensor comes whole from one
 * expert, every expert being as likely. It is the start of an evolutionary
 * search.
 *
 * https://github.com/tanganke/fusion_bench (`model_recombination`)
 *
 * What is dealt follows from `seed`. FusionBench can give back the whole pool
 * of new models; one merge here gives one model, so `return_modelpool: true` is
 * refused.
 */
const modelRecombination: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "unused",
  parameters: z.strictObject({
    return_modelpool: z.literal(
      [false, null],
      "one merge gives one model, expected false or null",
    ).default(null),
    seed: z.number().int().default(0),
  }),
  merge({ name, models }, { seed }) {
    const place = randomUniform(seed, [name], 0, 1)[0]!;
    return models[Math.floor(place * models.length)]!;
  },
};
export default modelRecombination;
