import * as z from "zod";
import {
  type DataloaderKwargs,
  dataloaderKwargs,
  type MergeMethod,
} from "../../merge/mod.ts";

/** What RegMean and RegMean++ are told. */
export interface RegMeanParameters {
  /** Images of each task that are looked at, in whole batches. */
  num_regmean_examples: number;
  /** Patterns of tensors that stay as pretrained. */
  exclude_param_names_regex: string[];
  /** What the Gram matrices' elements off the diagonal are multiplied with. */
  reduce_non_diagonal_ratio: number;
  /** Always: weights are [out, in]. */
  weight_transpose: true;
  /** Merges patch convolutions in this way too. */
  include_convolutions: boolean;
  /** How images are batched. */
  dataloader_kwargs: DataloaderKwargs;
}

/** What RegMean and RegMean++ have in common: what they need and take. */
export const regmeanSettings = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    num_regmean_examples: z.int().min(1).default(256),
    exclude_param_names_regex: z.array(z.string()).default([]),
    reduce_non_diagonal_ratio: z.number().min(0).max(1).default(0.95),
    weight_transpose: z.literal(true).default(true),
    include_convolutions: z.boolean().default(true),
    dataloader_kwargs: dataloaderKwargs({ batch_size: 32, shuffle: true }),
  }),
  dataUse: ({ num_regmean_examples }) => ({
    split: "train",
    images: num_regmean_examples,
    purpose: "for the Gram matrices of each linear map's inputs",
  }),
} as const satisfies Partial<MergeMethod<RegMeanParameters>>;
