import * as z from "zod";
import type { MergeMethod } from "../../merge/mod.ts";
import {
  adaMerging,
  type AdaMergingParameters,
  adaMergingShape,
} from "../adamerging/ada_merging.ts";
import { merged } from "../adamerging/adaptation.ts";
import type { MergingWeights } from "../adamerging/merging_weights.ts";
import { TestTimeModel } from "../adamerging/test_time_model.ts";
import { learnSurgery } from "./learn_surgery.ts";

interface Parameters extends AdaMergingParameters {
  /** Of FusionBench; nothing here: evaluate the saved model. */
  eval_iterations: number;
  /** Steps of each task's module. */
  surgery_steps: number;
}

const layerWise = adaMerging(true);

/**
 * AdaMerging, layer-wise, then representation surgery: each task gets a small
 * module between backbone and head, features - up(relu(down(features))) with 16
 * hidden features, that brings the merged model's features closest to the
 * expert's on test images, without labels. Adam steps against the mean absolute
 * difference, of length 1e-3.
 *
 * https://arxiv.org/abs/2402.02705
 *
 * Features are the backbone's pooled output, for CLIP the projected one. The
 * modules are learnt one task after the other, with one expert in memory, which
 * gives the same as FusionBench's turns.
 */
const adaMergingSurgery: MergeMethod<Parameters, MergingWeights> = {
  granularity: layerWise.granularity,
  pretrained: layerWise.pretrained,
  parameters: z.strictObject({
    ...adaMergingShape,
    eval_iterations: z.int().min(1).default(200),
    surgery_steps: z.int().min(0).default(1000),
  }),
  check: layerWise.check!,
  dataUse: (parameters) => {
    const { batch_size, surgery_steps } = parameters;
    const adapting = layerWise.dataUse!(parameters);
    return {
      split: "test",
      images: (adapting?.images ?? 0) + batch_size * surgery_steps,
      purpose:
        "to minimise the entropy of predictions, and for features like each expert's",
      ...(adapting?.validation && { validation: adapting.validation }),
    };
  },
  async prepare(pool, parameters, context) {
    const weights = await layerWise.prepare!(pool, parameters, context);
    const model = await TestTimeModel.open(
      pool,
      "adamerging_surgery",
      context.targets,
      parameters,
    );
    try {
      await model.load(merged(weights));
      await learnSurgery(pool, model.model.model, {
        ...parameters,
        // FusionBench goes on with the images where AdaMerging stopped.
        skip: parameters.weights !== null
          ? 0
          : parameters.fast_dev_run
          ? Math.min(1, parameters.max_steps)
          : parameters.max_steps,
      });
    } finally {
      await model.close();
    }
    return weights;
  },
  merge: layerWise.merge,
};
export default adaMergingSurgery;
